/* The version of tealetpp, for the preprocessor of C and C++. The build reads it from here. */
#ifndef TEALET_VERSION_H
#define TEALET_VERSION_H

#define TEALET_VERSION_MAJOR 0
#define TEALET_VERSION_MINOR 1
#define TEALET_VERSION_PATCH 0

/* The same as a string. */
#define TEALET_VERSION "0.1.0"

/* The same as one number to compare with: MMmmpp. */
#define TEALET_VERSION_NUMBER \
  (TEALET_VERSION_MAJOR * 10000 + TEALET_VERSION_MINOR * 100 + TEALET_VERSION_PATCH)

/* The version of libtealet whose C API this is, as a string and as MMmmpp. docs/c-api.md lists what
 * differs.
 */
#define TEALET_COMPATIBLE_WITH "0.7.6"
#define TEALET_COMPATIBLE_WITH_NUMBER 706

#endif
