#!/bin/sh
# Without CMake, pkg-config says what to tell the compiler: build.sh KIND SOURCE PROGRAM
set -eu
kind=$1 source=$2 program=$3
libdir=$(pkg-config --variable=libdir tealetpp)

case $kind in
  shared) # The folder is written into the program, as it is not one that the system searches.
    cc "$source" -o "$program" $(pkg-config --cflags --libs tealetpp) "-Wl,-rpath,$libdir" ;;
  static) # What it needs of the C++ library stays outside of the program.
    cc "$source" -o "$program" $(pkg-config --cflags tealetpp) "$libdir/libtealetpp.a" -lstdc++ -pthread ;;
  all_static) # Nothing stays outside.
    cc -static "$source" -o "$program" $(pkg-config --static --cflags --libs tealetpp) ;;
esac
