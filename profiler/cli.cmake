# The program and the installed library; included at the end of CMakeLists.txt.

# What the commands stand on and unit tests can reach; nothing of it is in libcresset.
cresset_module(cresset_cli
	bytesize.c
	cell.c
	duration.c
	emit.c
	idle.c
	idle_rules.c
	interrupt.c
	options.c
	outputs.c
	progress.c
	readfile.c
	suggest.c
	summary.c
	summary_time.c
	term.c
	workload.c
	LINK cresset_core)

# The shipped idle rules, as text in the program and as a file to begin one's own with.
set(IDLE_DEFAULT ${CMAKE_CURRENT_BINARY_DIR}/idle_default.h)
add_custom_command(OUTPUT ${IDLE_DEFAULT}
	COMMAND ${CMAKE_COMMAND} -DOUT=${IDLE_DEFAULT}
		-DFILES=idle_default=${CMAKE_CURRENT_SOURCE_DIR}/idle.rules
		-P ${CMAKE_SOURCE_DIR}/formats/svg_embed.cmake
	DEPENDS idle.rules ${CMAKE_SOURCE_DIR}/formats/svg_embed.cmake VERBATIM)
target_sources(cresset_cli PRIVATE ${IDLE_DEFAULT})
target_include_directories(cresset_cli PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
install(FILES idle.rules DESTINATION ${CMAKE_INSTALL_DATADIR}/cresset)

cresset_program(cresset
	cmd_agent.c
	cmd_convert.c
	cmd_doctor.c
	cmd_query.c
	cmd_record.c
	cmd_report.c
	cmd_upload.c
	command.c
	completion.c
	events.c
	features.c
	help.c
	hostcheck.c
	input.c
	main.c
	manpage.c
	query_table.c
	MODULES cresset_agent cresset_web cresset_cli cresset_export cresset_store cresset_recorder cresset_symbolize cresset_formats cresset_core
	LINK PkgConfig::BPF PkgConfig::ZSTD PkgConfig::LZMA PkgConfig::DEFLATE Threads::Threads
	${CMAKE_DL_LIBS})
target_include_directories(cresset PRIVATE ${CMAKE_SOURCE_DIR})
set_target_properties(cresset PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# ---- libcresset. The modules' own names are hidden; in the archive they are made local, so that a
# program linked with it can have a vec_push() of its own.
set(LIBRARY_MODULES cresset_recorder cresset_symbolize cresset_formats cresset_core)
set(LIBRARY_OBJECTS)
foreach(module ${LIBRARY_MODULES})
	list(APPEND LIBRARY_OBJECTS $<TARGET_OBJECTS:${module}>)
endforeach()

add_library(cresset_shared SHARED)
target_link_libraries(cresset_shared PRIVATE cresset_flags ${LIBRARY_MODULES} Threads::Threads
	${CMAKE_DL_LIBS})
target_include_directories(cresset_shared INTERFACE ${CMAKE_SOURCE_DIR}/include)
# libiberty is an archive: its functions must not become ours.
target_link_options(cresset_shared PRIVATE -Wl,--exclude-libs,ALL)
if(NOT CRESSET_SANITIZE AND NOT CRESSET_FUZZ)
	target_link_options(cresset_shared PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(cresset_shared PROPERTIES OUTPUT_NAME cresset
	LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
	VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)

set(CRESSET_ARCHIVE ${CMAKE_BINARY_DIR}/libcresset.a)
add_custom_command(OUTPUT ${CRESSET_ARCHIVE}
	COMMAND ${CMAKE_LINKER} -r -o libcresset.o ${LIBRARY_OBJECTS}
	COMMAND ${CMAKE_OBJCOPY} --localize-hidden libcresset.o
	COMMAND ${CMAKE_COMMAND} -E rm -f ${CRESSET_ARCHIVE}
	COMMAND ${CMAKE_AR} qcs ${CRESSET_ARCHIVE} libcresset.o
	DEPENDS ${LIBRARY_OBJECTS} COMMAND_EXPAND_LISTS COMMENT "libcresset.a" VERBATIM)
add_custom_target(cresset_archive ALL DEPENDS ${CRESSET_ARCHIVE})
# For programs in this tree; outside, cresset.pc says the same.
add_library(cresset_static INTERFACE)
add_dependencies(cresset_static cresset_archive)
target_include_directories(cresset_static INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(cresset_static INTERFACE ${CRESSET_ARCHIVE} PkgConfig::BPF PkgConfig::ELF
	PkgConfig::ZLIB PkgConfig::ZSTD PkgConfig::LZMA PkgConfig::DEFLATE PkgConfig::XXHASH
	PkgConfig::PROTOBUF_C iberty Threads::Threads m ${CMAKE_DL_LIBS})

configure_file(cresset.pc.in ${CMAKE_CURRENT_BINARY_DIR}/cresset.pc @ONLY)

# ---- Man page and completion, written by the program itself.
function(cresset_prints file command)
	add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/${file}
		COMMAND sh -c "'$<TARGET_FILE:cresset>' ${command} > '${file}.tmp' && mv '${file}.tmp' '${file}'"
		WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
		DEPENDS cresset COMMENT "${file}" VERBATIM)
endfunction()
cresset_prints(cresset.1 __man)
cresset_prints(cresset.bash __completion)
add_custom_target(cresset_docs ALL
	DEPENDS ${CMAKE_BINARY_DIR}/cresset.1 ${CMAKE_BINARY_DIR}/cresset.bash)

install(TARGETS cresset RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS cresset_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CRESSET_ARCHIVE} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/cresset DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cresset.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_BINARY_DIR}/cresset.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/cresset.bash
	DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME cresset)
