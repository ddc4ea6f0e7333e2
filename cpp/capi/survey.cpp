// The C API: the functions of tealet_survey.h.
#include <tealet/tealet_survey.h>

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include "capi/c_domain.hpp"
#include "capi/misuse.hpp"

using namespace tealet;
using namespace tealet::capi;

namespace {

tealet_distribution_t to_c(const Distribution& found) noexcept {
  return {found.minimum, found.median, found.percentile_99, found.maximum, found.total, found.mean};
}

static_assert(std::tuple_size_v<Histogram> == TEALET_HISTOGRAM_SIZE);

void copy_to_c(const SurveyFigures& figures, tealet_survey_t& survey) noexcept {
  survey.count = figures.count;
  survey.depth = to_c(figures.depth);
  survey.cost = to_c(figures.cost);
  std::copy(figures.depths.begin(), figures.depths.end(), survey.depths);
  std::copy(figures.chunk_sizes.begin(), figures.chunk_sizes.end(), survey.chunk_sizes);
  survey.touched_stack_bytes = figures.touched_stack_bytes;
  survey.domain_bytes = figures.domain_bytes;
}

}  // namespace

void tealet_get_tealet_stats(tealet_t* tealet, tealet_tealet_stats_t* stats) {
  require(tealet, __func__, "tealet");
  require(stats, __func__, "stats");
  const TealetStats found = domain_of(tealet).stats_of(node_of(tealet));
#define TEALET_FIGURE(name, ...) stats->name = found.name;
#include <tealet/tealet_figures.def>
  stats->tracked = found.tracked ? 1 : 0;
}

void tealet_track(tealet_t* tealet) {
  require(tealet, __func__, "tealet");
  domain_of(tealet).track();
}

int tealet_get_survey(tealet_t* tealet, tealet_survey_t* survey, tealet_t** largest,
                      size_t n_largest) {
  require(tealet, __func__, "tealet");
  require(survey, __func__, "survey");
  if (n_largest != 0) require(static_cast<const void*>(largest), __func__, "largest");
  try {
    std::vector<core::Node*> nodes;
    copy_to_c(domain_of(tealet).survey(n_largest, nodes), *survey);
    tealet_t** const end = std::transform(nodes.begin(), nodes.end(), largest,
                                          [](core::Node* node) { return handle_of(*node); });
    std::fill(end, largest + n_largest, nullptr);
  } catch (const std::bad_alloc&) {
    return TEALET_ERR_MEM;
  }
  return 0;
}
