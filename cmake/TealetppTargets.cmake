# How everything of ours is compiled.
if(CMAKE_SOURCE_DIR STREQUAL PROJECT_SOURCE_DIR AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

# A parent project may have no build type. That is left to it, but not what it would mean here: a
# switch without optimisation. Any -O that the parent asks for stands.
function(tealetpp_optimise target)
  if(CMAKE_BUILD_TYPE OR CMAKE_CONFIGURATION_TYPES)
    return()
  endif()
  get_property(inherited DIRECTORY PROPERTY COMPILE_OPTIONS)
  foreach(language IN ITEMS C CXX)
    if(NOT "${CMAKE_${language}_FLAGS};${inherited}" MATCHES "(^|[ ;])-O")
      separate_arguments(release UNIX_COMMAND "${CMAKE_${language}_FLAGS_RELEASE}")
      target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:${language}>:${release}>")
    endif()
  endforeach()
endfunction()

function(tealetpp_configure target)
  tealetpp_optimise(${target})
  target_compile_features(${target} PUBLIC cxx_std_17)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion>")
  if(TEALETPP_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:C,CXX>:-Werror>")
  endif()
  if(TEALETPP_BUILD_FUZZERS)
    # Coverage for libFuzzer.
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=fuzzer-no-link>")
  endif()
  if(TEALETPP_SANITIZE)
    string(REPLACE "," ";" sanitizers "${TEALETPP_SANITIZE}")
    target_compile_options(${target} PRIVATE -fsanitize=${TEALETPP_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${TEALETPP_SANITIZE})
    if("thread" IN_LIST sanitizers)
      # ThreadSanitizer keeps a call stack per thread, by function entries and exits. Switches break
      # it, so it is turned off: reports show one frame.
      target_compile_options(${target} PRIVATE
        "$<$<COMPILE_LANG_AND_ID:C,GNU>:--param=tsan-instrument-func-entry-exit=0>"
        "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:--param=tsan-instrument-func-entry-exit=0>"
        "$<$<COMPILE_LANG_AND_ID:C,Clang>:SHELL:-mllvm -tsan-instrument-func-entry-exit=0>"
        "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-mllvm -tsan-instrument-func-entry-exit=0>")
    endif()
    # The library needs the C++ part of the sanitizer's runtime. clang expects it in the program, and
    # links it only into C++ programs.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "EXECUTABLE")
      set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
    endif()
  endif()
endfunction()

# The library as a target: STATIC or SHARED.
function(tealetpp_add_library target type)
  add_library(${target} ${type} ${ARGN})
  tealetpp_configure(${target})
  # What links the static library in must not offer its names to others: another module of the same
  # process may have its own copy, of another version.
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME tealetpp
    POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${target}
    PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
           "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
    PRIVATE "${PROJECT_SOURCE_DIR}/cpp")
endfunction()
