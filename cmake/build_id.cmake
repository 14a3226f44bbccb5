# Writes OUTPUT (build_id.h) and build_id.txt beside it: $PLAYHOUSE_BUILD, or git describe, or VERSION. Both are left
# alone when nothing has changed.
set(build "$ENV{PLAYHOUSE_BUILD}")
if(NOT build)
    execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty OUTPUT_VARIABLE build
        OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        set(build ${VERSION})
    endif()
endif()
if(NOT build MATCHES "^[-A-Za-z0-9._+]+$")
    message(FATAL_ERROR "PLAYHOUSE_BUILD is '${build}': it may have letters, digits and -._+ only")
endif()
get_filename_component(folder ${OUTPUT} DIRECTORY)
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define PLAYHOUSE_BUILD \"${build}\"\n" @ONLY)
file(CONFIGURE OUTPUT ${folder}/build_id.txt CONTENT "${build}\n" @ONLY)
