# What is installed, and how it is found: by find_package() from where it is installed and from the
# build folder, and by pkg-config.
include(CMakePackageConfigHelpers)
if(TEALETPP_BUILD_PYTHON)
  # What is installed is the Python package, and everything lies in its folder.
  set(CMAKE_INSTALL_INCLUDEDIR tealetpp/include)
  set(CMAKE_INSTALL_LIBDIR tealetpp/lib)
endif()
include(GNUInstallDirs)
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/tealetpp")

set(libraries tealetpp)
if(TEALETPP_BUILD_SHARED)
  list(APPEND libraries tealetpp_shared)
endif()
install(TARGETS ${libraries} EXPORT tealetpp
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tealetpp_development
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tealetpp_runtime
          NAMELINK_COMPONENT tealetpp_development
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/tealet" "${PROJECT_BINARY_DIR}/include/tealet"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT tealetpp_development
  FILES_MATCHING PATTERN *.h PATTERN *.hpp PATTERN *.def)

configure_file("${CMAKE_CURRENT_LIST_DIR}/tealetpp-config.cmake" tealetpp-config.cmake COPYONLY)
# Until 1.0 every minor version may change the interface.
write_basic_package_version_file(tealetpp-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT tealetpp NAMESPACE tealetpp:: FILE tealetpp-targets.cmake
  DESTINATION "${package}" COMPONENT tealetpp_development)
export(EXPORT tealetpp NAMESPACE tealetpp:: FILE tealetpp-targets.cmake)

# The file names places by the way that leads there from itself, so all may be moved together.
file(RELATIVE_PATH pc_includedir
  "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
# The shared library brings the C++ library along, and that of threads. Where neither glibc nor musl
# has a library for threads of its own, the compiler takes -pthread all the same.
set(libs_of libs)
if(TEALETPP_BUILD_SHARED)
  set(libs_of libs_private)
endif()
foreach(library IN LISTS TEALETPP_CXX_RUNTIME)
  string(APPEND pc_${libs_of} " -l${library}")
endforeach()
string(APPEND pc_${libs_of} " -pthread")
configure_file("${CMAKE_CURRENT_LIST_DIR}/tealetpp.pc.in" tealetpp.pc @ONLY)

install(
  FILES "${PROJECT_BINARY_DIR}/tealetpp-config.cmake"
        "${PROJECT_BINARY_DIR}/tealetpp-config-version.cmake"
  DESTINATION "${package}" COMPONENT tealetpp_development)
install(FILES "${PROJECT_BINARY_DIR}/tealetpp.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT tealetpp_development)
