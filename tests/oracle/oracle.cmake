# What the live oracle compares with, cresset's walker in a program of its own, and a workload; see
# README.md. Included by tests/CMakeLists.txt.
set(ORACLE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/oracle)
set(ORACLE_OUT ${CMAKE_CURRENT_BINARY_DIR}/oracle)
file(MAKE_DIRECTORY ${ORACLE_OUT})

# As Debian builds its packages: optimised, without frame pointers.
add_executable(workload_mix ${ORACLE_DIR}/mix.cc)
target_compile_options(workload_mix PRIVATE -Wall -Wextra -O2 -g -fomit-frame-pointer
	-fasynchronous-unwind-tables -fno-optimize-sibling-calls)
target_link_libraries(workload_mix PRIVATE Threads::Threads m)
set_target_properties(workload_mix PROPERTIES OUTPUT_NAME mix
	RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/workloads)
add_dependencies(workloads workload_mix)

if(NOT UNWIND_FOUND)
	message(STATUS "no libunwind: no live oracle")
	set_target_properties(live_oracle PROPERTIES EXCLUDE_FROM_ALL ON)
	set_tests_properties(live_oracle PROPERTIES DISABLED ON)
	return()
endif()

# The objects of cresset's own skeleton but for the source, which oracle.bpf.c includes.
foreach(name BPF_CLANG BPFTOOL BPF_FLAGS)
	get_directory_property(${name} DIRECTORY ${CMAKE_SOURCE_DIR}/bpf DEFINITION ${name})
endforeach()
file(GLOB objects CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/bpf/*.bpf.c)
list(FILTER objects EXCLUDE REGEX "/(src_[a-z_]*|sched_scan|procmap)\\.bpf\\.c$")
# Definitions of maps before their users, as in bpf/CMakeLists.txt.
set(owners ${objects})
list(FILTER owners INCLUDE REGEX "/(core|unwind_table)\\.bpf\\.c$")
list(REMOVE_ITEM objects ${owners})
list(PREPEND objects ${owners})
list(TRANSFORM objects REPLACE "\\.c$" ".o")
list(TRANSFORM objects PREPEND ${CMAKE_BINARY_DIR}/)
add_custom_command(OUTPUT ${ORACLE_OUT}/oracle.bpf.o
	COMMAND ${BPF_CLANG} ${BPF_FLAGS} -I${CMAKE_SOURCE_DIR} -MD -MF ${ORACLE_OUT}/oracle.bpf.o.d
		-MT ${ORACLE_OUT}/oracle.bpf.o -c ${ORACLE_DIR}/oracle.bpf.c
		-o ${ORACLE_OUT}/oracle.bpf.o
	DEPENDS ${ORACLE_DIR}/oracle.bpf.c DEPFILE ${ORACLE_OUT}/oracle.bpf.o.d
	COMMENT "BPF oracle.bpf.c" VERBATIM)
add_custom_command(OUTPUT ${ORACLE_OUT}/oracle_bpf.skel.h
	WORKING_DIRECTORY ${ORACLE_OUT}
	COMMAND ${BPFTOOL} gen object oracle_bpf.linked.o ${objects} oracle.bpf.o
	COMMAND ${BPFTOOL} gen skeleton oracle_bpf.linked.o name oracle_bpf > oracle_bpf.skel.h.tmp
	COMMAND ${CMAKE_COMMAND} -E rename oracle_bpf.skel.h.tmp oracle_bpf.skel.h
	DEPENDS ${ORACLE_OUT}/oracle.bpf.o ${objects} COMMENT "BPF skeleton oracle_bpf" VERBATIM)

add_library(oracle STATIC ${ORACLE_DIR}/snapshot.c ${ORACLE_DIR}/walk_dw.c
	${ORACLE_DIR}/walk_unw.c ${ORACLE_DIR}/program.c ${ORACLE_DIR}/programs.c
	${ORACLE_DIR}/verdict.c ${ORACLE_OUT}/oracle_bpf.skel.h)
test_include_dirs(oracle)
target_include_directories(oracle SYSTEM PRIVATE ${ORACLE_OUT})
target_link_libraries(oracle PRIVATE cresset_flags PUBLIC ${TEST_MODULES} PkgConfig::BPF
	PkgConfig::DW PkgConfig::UNWIND)
target_link_libraries(live_oracle PRIVATE oracle)
add_dependencies(live_oracle workloads)
