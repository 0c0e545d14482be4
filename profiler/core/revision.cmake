# Writes OUTPUT, a header with the git revision of SOURCE ("+" behind it: with changes), only when it
# has changed, so that each commit rebuilds one file and nothing else.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty=+ --abbrev=12 --exclude=*
	OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT revision)
	set(revision unknown)
endif()
set(text "#define CRESSET_REVISION \"${revision}\"\n")
if(EXISTS ${OUTPUT})
	file(READ ${OUTPUT} old)
endif()
if(NOT "${old}" STREQUAL "${text}")
	file(WRITE ${OUTPUT} "${text}")
endif()
