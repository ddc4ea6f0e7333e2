# The package has no components: whoever requires one wants another package, or another version.
set(tealetpp_unknown)
foreach(component IN LISTS tealetpp_FIND_COMPONENTS)
  set(tealetpp_${component}_FOUND FALSE)
  if(tealetpp_FIND_REQUIRED_${component})
    list(APPEND tealetpp_unknown "${component}")
  endif()
endforeach()
if(tealetpp_unknown)
  list(JOIN tealetpp_unknown ", " tealetpp_unknown)
  set(tealetpp_FOUND FALSE)
  set(tealetpp_NOT_FOUND_MESSAGE "tealetpp has no component named ${tealetpp_unknown}; \
its targets, tealetpp::tealetpp and tealetpp::shared, come without COMPONENTS")
  return()
endif()

include(CMakeFindDependencyMacro)
find_dependency(Threads)

include("${CMAKE_CURRENT_LIST_DIR}/tealetpp-targets.cmake")
