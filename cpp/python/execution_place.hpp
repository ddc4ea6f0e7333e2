// Finds the state of an execution, wherever switches have left it.
//
// A switch leaves the state of the execution that it pauses in the Execution of the tealet that its
// domain takes it for. Domains nest, so that may be another tealet than the one that the frames
// belong to.
#pragma once

#include "python/python_tealet.hpp"

namespace tealetpp {

// Where the frames of an execution are.
struct Place {
  const Execution* put_away = nullptr;    // here
  const PyThreadState* thread = nullptr;  // or here; both are nullptr if that is unknown
};

// The place of `tealet`, which is not main. It is unknown if the tealet runs and its domain cannot
// be used here.
Place place_of(Node& tealet);

}  // namespace tealetpp
