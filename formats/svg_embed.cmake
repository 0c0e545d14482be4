# SPDX-License-Identifier: Apache-2.0
#
# Writes OUT, a C header with the text of the files in VARIABLES as strings: for each of
# "name=path", `static const char name[]`. Comments that take a whole line, or begin a file, and
# indentation are left out. Whole-text replacements only: CMake lists would eat ";" and "[".
set(header "/* Made by svg_embed.cmake. */\n")
foreach(pair IN LISTS FILES)
	string(REGEX MATCH "^[a-z_]+" name "${pair}")
	string(REGEX REPLACE "^[a-z_]+=" "" path "${pair}")
	file(READ "${path}" text)
	string(PREPEND text "\n")
	string(REGEX REPLACE "\n/\\*([^*]|\\*[^/])*\\*/" "\n" text "${text}")
	string(REGEX REPLACE "\n[ \t]*//[^\n]*" "" text "${text}")
	string(REGEX REPLACE "\n[ \t\n]+" "\n" text "${text}")
	string(REGEX REPLACE "^\n+" "" text "${text}")
	string(REPLACE "\\" "\\\\" text "${text}")
	string(REPLACE "\"" "\\\"" text "${text}")
	string(REPLACE "\n" "\\n\"\n\t\"" text "${text}")
	string(APPEND header "static const char ${name}[] =\n\t\"${text}\";\n")
endforeach()
file(WRITE "${OUT}" "${header}")
