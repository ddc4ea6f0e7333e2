#include <tealet/python.h>
