include("${CMAKE_CURRENT_LIST_DIR}/tealetpp-targets.cmake")
