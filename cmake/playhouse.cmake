# What every CMakeLists.txt of the project may use.
#
# Targets of third parties: PkgConfig::ZMQ CZMQ LWS CJOSE OPENSSL CURL JANSSON SQLITE PQ HIREDIS CMOCKA, and playhouse_ev (libev).
# Targets of ours: playhouse_schemas, playhouse_broker, actor_<name>, playhouse_gateway, playhouse_cli.
#
#   playhouse_library(NAME SOURCES a.c ... LIBS ...)      a static library that shows its folder to whoever links it
#   playhouse_actor(NAME [LIBS ...])                      actor_NAME of all *.c here but tests, and a test of each *_test.c
#   playhouse_test(NAME SOURCES a_test.c ... [LIBS ...] [LABELS ...] [TIMEOUT s] [ARGS ...])
#                                                         a cmocka program, known to ctest as NAME
#   playhouse_tests(LIBS ...)                             one playhouse_test for each *_test.c here
#   playhouse_fuzz(NAME SOURCES ... LIBS ...)             a libFuzzer program; nothing unless PLAYHOUSE_FUZZ is on
#   build_id.h                                            #define PLAYHOUSE_BUILD "..."; link playhouse_build_id

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq>=4.3)
pkg_check_modules(CZMQ REQUIRED IMPORTED_TARGET libczmq>=4.2)
pkg_check_modules(LWS REQUIRED IMPORTED_TARGET libwebsockets>=4.1)
pkg_check_modules(CJOSE REQUIRED IMPORTED_TARGET cjose)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq>=14)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis>=0.14)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

find_library(PLAYHOUSE_EV_LIBRARY ev REQUIRED) # libev ships no .pc file
find_path(PLAYHOUSE_EV_INCLUDE ev.h REQUIRED)
add_library(playhouse_ev INTERFACE)
target_link_libraries(playhouse_ev INTERFACE ${PLAYHOUSE_EV_LIBRARY} m)
target_include_directories(playhouse_ev SYSTEM INTERFACE ${PLAYHOUSE_EV_INCLUDE})

# The build id is looked up at every build, not at configure time, and its header is touched only when it changes.
set(PLAYHOUSE_BUILD_ID_FOLDER ${CMAKE_BINARY_DIR}/build_id)
set(build_id_command ${CMAKE_COMMAND} -D SOURCE_DIR=${CMAKE_SOURCE_DIR} -D OUTPUT=${PLAYHOUSE_BUILD_ID_FOLDER}/build_id.h
    -D VERSION=${PROJECT_VERSION} -P ${CMAKE_SOURCE_DIR}/cmake/build_id.cmake)
execute_process(COMMAND ${build_id_command} COMMAND_ERROR_IS_FATAL ANY)
add_custom_target(playhouse_build_id_header COMMAND ${build_id_command} BYPRODUCTS ${PLAYHOUSE_BUILD_ID_FOLDER}/build_id.h VERBATIM)
add_library(playhouse_build_id INTERFACE)
target_include_directories(playhouse_build_id INTERFACE ${PLAYHOUSE_BUILD_ID_FOLDER})
add_dependencies(playhouse_build_id playhouse_build_id_header)

set(PLAYHOUSE_FLAGS -fno-omit-frame-pointer -fno-common)
set(PLAYHOUSE_LINK_FLAGS "")
if(PLAYHOUSE_SANITIZE STREQUAL "address")
    list(APPEND PLAYHOUSE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
    list(APPEND PLAYHOUSE_LINK_FLAGS -fsanitize=address,undefined)
elseif(PLAYHOUSE_SANITIZE STREQUAL "thread")
    list(APPEND PLAYHOUSE_FLAGS -fsanitize=thread)
    list(APPEND PLAYHOUSE_LINK_FLAGS -fsanitize=thread)
elseif(PLAYHOUSE_SANITIZE)
    message(FATAL_ERROR "PLAYHOUSE_SANITIZE is '${PLAYHOUSE_SANITIZE}': it must be address, thread or empty")
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    list(APPEND PLAYHOUSE_FLAGS -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
endif()
if(PLAYHOUSE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "PLAYHOUSE_FUZZ needs clang: use cmake --preset fuzz")
    endif()
    list(APPEND PLAYHOUSE_FLAGS -fsanitize=fuzzer-no-link)
endif()

# For every target, so that none can be forgotten.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
    $<$<BOOL:${PLAYHOUSE_WERROR}>:-Werror> ${PLAYHOUSE_FLAGS})
add_link_options(${PLAYHOUSE_LINK_FLAGS})
link_libraries(Threads::Threads)

function(playhouse_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${arg_LIBS})
endfunction()

# The sources of this folder that are not tests.
function(playhouse_sources result)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    list(FILTER sources EXCLUDE REGEX "_test\\.c$")
    set(${result} ${sources} PARENT_SCOPE)
endfunction()

function(playhouse_test name)
    cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBS;LABELS;ARGS" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300) # of a hang: the longest takes a tenth of it, and machines differ
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} playhouse_broker playhouse_schemas PkgConfig::CMOCKA)
    add_test(NAME ${name} COMMAND ${name} ${arg_ARGS} WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    set(environment "ASAN_OPTIONS=detect_leaks=1:abort_on_error=1" "UBSAN_OPTIONS=print_stacktrace=1"
        "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp:halt_on_error=1"
        "PLAYHOUSE_SOURCE_DIR=${CMAKE_SOURCE_DIR}" "PLAYHOUSE_BINARY_DIR=${CMAKE_BINARY_DIR}")
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${environment}")
endfunction()

function(playhouse_tests)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.c)
    foreach(source ${tests})
        get_filename_component(name ${source} NAME_WE)
        playhouse_test(${name} SOURCES ${source} LIBS ${arg_LIBS})
    endforeach()
endfunction()

function(playhouse_actor name)
    cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
    playhouse_sources(sources)
    playhouse_library(actor_${name} SOURCES ${sources} LIBS playhouse_broker playhouse_schemas ${arg_LIBS})
    set_property(GLOBAL APPEND PROPERTY PLAYHOUSE_ACTORS actor_${name})
    playhouse_tests(LIBS actor_${name})
endfunction()

function(playhouse_fuzz name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    if(NOT PLAYHOUSE_FUZZ)
        return()
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} playhouse_broker playhouse_schemas)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()
