# tests/pprof_check.c reads pprof through protobuf-c, which is not ours: its code for profile.proto is
# made in the build tree.
find_program(PROTOC_C protoc-c REQUIRED)
set(PROTO ${CMAKE_CURRENT_BINARY_DIR}/profile.pb-c)
add_custom_command(OUTPUT ${PROTO}.c ${PROTO}.h
	COMMAND ${PROTOC_C} --proto_path=${CMAKE_CURRENT_SOURCE_DIR}
		--c_out=${CMAKE_CURRENT_BINARY_DIR} profile.proto
	DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/profile.proto VERBATIM)
set_source_files_properties(${PROTO}.c PROPERTIES COMPILE_OPTIONS -w)
target_sources(test_modules PRIVATE ${PROTO}.c ${PROTO}.h)
target_include_directories(test_modules PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
target_link_libraries(test_modules PUBLIC PkgConfig::PROTOBUF_C PkgConfig::ZLIB)
