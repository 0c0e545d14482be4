#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# shortlived.sh BURNER [COUNT [MILLISECONDS]] - a shell loop of processes that live for 20 ms each.
i=0
while [ "$i" -lt "${2:-100}" ]; do
	"$1" "${3:-20}"
	i=$((i + 1))
done
