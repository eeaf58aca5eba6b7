# Debian's cross compiler for arm64, with OpenBLAS from where .ci/arm64_packages.sh has put it; programs run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../build-arm64/debian ABSOLUTE)
set(libraries ${root}/usr/lib/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${libraries}/openblas-pthread/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${root})
# DT_RPATH, which counts for what OpenBLAS itself needs too
set(paths "-Wl,--disable-new-dtags,-rpath,${libraries}/openblas-pthread,-rpath,${libraries},-rpath-link,${libraries}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${paths}")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "${paths}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
