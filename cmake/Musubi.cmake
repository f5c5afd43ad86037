# Functions that every CMakeLists.txt of the project uses. A target is named after its
# folder: lib/session is lib_session, its unit tests are lib_session_test.

set(MUSUBI_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, comma separated")
option(MUSUBI_FUZZ "Build the libFuzzer harnesses (clang only)" OFF)

add_library(musubi_options INTERFACE)
target_include_directories(musubi_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(musubi_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Werror
  # Designated initialisers leave out what keeps its default: that is their point.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(musubi_options INTERFACE -Wthread-safety)
else()
  # False positives of g++ 12: on literal + std::string; and, optimising, on vectors that grow, on
  # ordering vectors, on wiping one that is empty and on what comes out of a StatusOr. Clang's
  # sanitizers look for the real ones.
  target_compile_options(musubi_options INTERFACE
    -Wno-restrict
    "$<$<CONFIG:Release>:-Wno-array-bounds;-Wno-maybe-uninitialized>"
    "$<$<CONFIG:Release>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-nonnull>")
endif()
if(MUSUBI_SANITIZE)
  add_compile_options(-fsanitize=${MUSUBI_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MUSUBI_SANITIZE})
endif()
if(MUSUBI_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Headers that nearly every file reads, parsed once. Only where the same sources are built without
# it too (dev): there a missing #include is found.
option(MUSUBI_PRECOMPILE "Precompile the headers that all share (clang only)" OFF)
if(MUSUBI_PRECOMPILE)
  # Without it the compiled header holds the times of files, and ccache never finds it again.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  # Only what is compiled alike can share: -fPIC for all and not -fPIE for some, and -pthread.
  set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
  add_compile_options(-fPIC -pthread)
  foreach(kind library test)
    add_library(musubi_shared_headers_${kind} OBJECT ${PROJECT_SOURCE_DIR}/cmake/shared_headers.cc)
    target_link_libraries(musubi_shared_headers_${kind} PRIVATE musubi_options)
  endforeach()
  target_link_libraries(musubi_shared_headers_test PRIVATE GTest::gmock)
  set(shared_headers <algorithm> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <utility> <vector> <absl/status/statusor.h> <absl/time/time.h>)
  target_precompile_headers(musubi_shared_headers_library PRIVATE ${shared_headers})
  target_precompile_headers(musubi_shared_headers_test PRIVATE ${shared_headers}
    <gmock/gmock.h> <gtest/gtest.h>)
  # What ccache (CCACHE_PCH_EXTSUM, set by the scripts) takes for the compiled header's content,
  # which differs from one folder to another: all that it is made of.
  execute_process(COMMAND dpkg-query -W libabsl-dev libgmock-dev libgtest-dev libstdc++-12-dev
                  OUTPUT_VARIABLE header_versions ERROR_QUIET)
  foreach(kind library test)
    file(WRITE ${PROJECT_BINARY_DIR}/CMakeFiles/musubi_shared_headers_${kind}.dir/cmake_pch.hxx.pch.sum
      "${kind} ${CMAKE_CXX_COMPILER_VERSION} ${MUSUBI_SANITIZE} ${MUSUBI_FUZZ} "
      "${CMAKE_CXX_FLAGS_DEBUG}\n${shared_headers}\n${header_versions}")
  endforeach()
endif()
# musubi_share_headers(NAME library|test)
function(musubi_share_headers name kind)
  if(MUSUBI_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM musubi_shared_headers_${kind})
  endif()
endfunction()

# Everything that holds without gRPC: what runs under ThreadSanitizer with no suppression.
add_custom_target(core_tests)
# What serves or calls over gRPC: runs under ThreadSanitizer with tests/tsan/grpc.supp.
add_custom_target(server_tests)
# Every test binary.
add_custom_target(all_tests)
# Every fuzz harness; empty without MUSUBI_FUZZ.
add_custom_target(all_fuzzers)

# musubi_library(NAME SOURCES file... [DEPS target...])
function(musubi_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE musubi_options)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  musubi_share_headers(${name} library)
endfunction()

# musubi_binary(NAME SOURCES file... [DEPS target...] [OUTPUT name])
function(musubi_binary name)
  cmake_parse_arguments(arg "" "OUTPUT" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} musubi_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  if(arg_OUTPUT)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${arg_OUTPUT})
  endif()
  musubi_share_headers(${name} library)
endfunction()

# musubi_test(NAME KIND unit|integration|conformance [CORE|SERVER] SOURCES file... [DEPS target...])
# CORE: needs no gRPC, and so runs under ThreadSanitizer too. SERVER: runs under it with the
# suppressions that gRPC needs. All cases of a folder are one binary.
function(musubi_test name)
  cmake_parse_arguments(arg "CORE;SERVER" "KIND" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main musubi_options)
  musubi_share_headers(${name} test)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests_bin)
  add_test(NAME ${name} COMMAND ${name} --gtest_output=xml:${PROJECT_BINARY_DIR}/results/${name}.xml
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set(labels ${arg_KIND})
  add_dependencies(all_tests ${name})
  if(arg_CORE)
    list(APPEND labels core)
    add_dependencies(core_tests ${name})
  endif()
  if(arg_SERVER)
    list(APPEND labels server)
    add_dependencies(server_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 600)
  if(arg_KIND STREQUAL "conformance")
    set_tests_properties(${name} PROPERTIES
      ENVIRONMENT "MUSUBI_CONFORMANCE_RESULTS=${PROJECT_BINARY_DIR}/results/conformance")
  endif()
endfunction()

# musubi_fuzzer(NAME SOURCES file... [DEPS target...] [SEEDS folder]): a libFuzzer harness.
function(musubi_fuzzer name)
  if(NOT MUSUBI_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "SEEDS" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} musubi_options -fsanitize=fuzzer)
  musubi_share_headers(${name} library)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
  add_dependencies(all_fuzzers ${name})
endfunction()
