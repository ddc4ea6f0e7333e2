/* The C files share one pointer to the table. */
#ifndef CAPSULE_SHARED_H
#define CAPSULE_SHARED_H

#define PYTEALET_TABLE capsule_calls_table
#include <tealet/tealet_python.h>

#ifdef __cplusplus
extern "C" {
#endif

extern PyMethodDef arenas_functions[];
extern PyMethodDef in_the_middle_functions[];
extern PyMethodDef own_table_functions[];

#ifdef __cplusplus
}
#endif

#endif
