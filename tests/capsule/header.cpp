#include <tealet/tealet_python.h>
