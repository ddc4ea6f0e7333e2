#!/bin/sh
# Builds a C program without CMake, with the options of pkg-config: build.sh KIND SOURCE PROGRAM
set -eu
kind=$1 source=$2 program=$3
libdir=$(pkg-config --variable=libdir tealetpp)

case $kind in
  shared) # The loader does not search this folder, so the program records it.
    cc "$source" -o "$program" $(pkg-config --cflags --libs tealetpp) "-Wl,-rpath,$libdir" ;;
  static) # The C++ library is linked as a shared library.
    cc "$source" -o "$program" $(pkg-config --cflags tealetpp) "$libdir/libtealetpp.a" -lstdc++ -pthread ;;
  all_static) # Everything is linked statically.
    cc -static "$source" -o "$program" $(pkg-config --static --cflags --libs tealetpp) ;;
esac
