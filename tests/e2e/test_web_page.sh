#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The page in headless Chromium with real clicks and keys (web/page.py): the list, a service's flame
# graph, every control, back and reload, light and dark, a narrow window, names that are attacks,
# and that nothing is asked of anybody else. WEB_PAGE_PICTURES=DIRECTORY keeps the screenshots.
. "$(dirname "$0")/lib.sh"
need python3 chromium curl
. "$SRC/tests/e2e/web/lib.sh"
pictures=${WEB_PAGE_PICTURES:-$TMP}

serve main store="$TMP/store" windows=12 demo=40 hostile=1
serve_url=$url main_pid=$pid
serve empty store="$TMP/empty"
PYTHONDONTWRITEBYTECODE=1 timeout 150 python3 "$SRC/tests/e2e/web/page.py" "$serve_url" "$url" \
	"$pictures" >page.out 2>&1 || fail "in the browser"
ended empty
pid=$main_pid
ended main
finish
