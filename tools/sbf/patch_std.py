#!/usr/bin/env python3
"""Patches a copy of Rust's `library/` folder (1.97.1) so that std builds for os = "solana" with upstream's compiler.

Solana's own compiler carries these changes in its fork; upstream's std knows no such system. Each edit names the words
it replaces and how often they must occur, so that other sources than those it was written for fail instead of building
something else.
"""

import pathlib
import sys

# (file, words to find, words to put in their place, number of occurrences)
EDITS = [
    # Without this, std is marked unstable for an unknown system and every program would need a feature gate.
    ("std/build.rs", '|| target_os == "vexos"\n', '|| target_os == "vexos"\n        || target_os == "solana"\n', 1),
    # One thread, and no randomness.
    (
        "std/src/sys/thread_local/mod.rs",
        'target_os = "vexos",\n',
        'target_os = "vexos",\n        target_os = "solana",\n',
        2,
    ),
    (
        "std/src/sys/random/mod.rs",
        '        target_os = "vexos",\n    ) =>',
        '        target_os = "vexos",\n        target_os = "solana",\n    ) =>',
        1,
    ),
    (
        "std/src/sys/random/mod.rs",
        '    target_os = "vexos",\n)))]',
        '    target_os = "vexos",\n    target_os = "solana",\n)))]',
        1,
    ),
    # The keys of RandomState live in a thread-local, which is a writable static; a program has none.
    (
        "std/src/hash/random.rs",
        "    pub fn new() -> RandomState {\n",
        '    #[cfg(target_os = "solana")]\n'
        "    pub fn new() -> RandomState {\n"
        "        RandomState { k0: 0, k1: 0 }\n"
        "    }\n\n"
        "    /// Keyed at random.\n"
        "    #[inline]\n"
        "    #[must_use]\n"
        '    #[stable(feature = "hashmap_build_hasher", since = "1.7.0")]\n'
        '    #[cfg(not(target_os = "solana"))]\n'
        "    pub fn new() -> RandomState {\n",
        1,
    ),
    ("std/src/sys/io/error/mod.rs", '        target_os = "vexos",\n', '        target_os = "vexos",\n        target_os = "solana",\n', 1),
    # The system allocator, for programs that set none of their own.
    (
        "std/src/sys/alloc/mod.rs",
        '    target_os = "zkvm" => {\n',
        '    target_os = "solana" => {\n        mod solana;\n    }\n    target_os = "zkvm" => {\n',
        1,
    ),
    (
        "std/src/sys/alloc/mod.rs",
        '    target_arch = "xtensa",\n)) {\n    8\n',
        '    target_arch = "xtensa",\n    target_arch = "bpf",\n)) {\n    8\n',
        1,
    ),
    # A panic calls the program's `custom_panic`, as entrypoint crates define it for Solana's compiler, then aborts.
    (
        "std/src/panicking.rs",
        "pub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! {\n",
        '#[cfg(target_os = "solana")]\n'
        "pub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! {\n"
        '    unsafe extern "Rust" {\n'
        "        fn custom_panic(info: &core::panic::PanicInfo<'_>);\n"
        "    }\n"
        "    unsafe { custom_panic(info) };\n"
        "    crate::process::abort()\n"
        "}\n\n"
        "/// Entry point of panics from the core crate.\n"
        "#[cfg(not(any(test, doctest)))]\n"
        '#[cfg(not(target_os = "solana"))]\n'
        "#[panic_handler]\n"
        "pub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! {\n",
        1,
    ),
    # The hook's machinery counts panics in writable statics.
    (
        "std/src/panicking.rs",
        "    force_no_backtrace: bool,\n) -> ! {\n    let must_abort = panic_count::increase(true);\n",
        "    force_no_backtrace: bool,\n"
        ") -> ! {\n"
        '    #[cfg(target_os = "solana")]\n'
        "    {\n"
        "        let _ = (payload, location, can_unwind, force_no_backtrace);\n"
        "        crate::process::abort();\n"
        "    }\n"
        '    #[cfg(not(target_os = "solana"))]\n'
        "    run_panic_hook(payload, location, can_unwind, force_no_backtrace)\n"
        "}\n\n"
        '#[cfg_attr(target_os = "solana", allow(dead_code))]\n'
        "#[optimize(size)]\n"
        "fn run_panic_hook(\n"
        "    payload: &mut dyn PanicPayload,\n"
        "    location: &Location<'_>,\n"
        "    can_unwind: bool,\n"
        "    force_no_backtrace: bool,\n"
        ") -> ! {\n"
        "    let must_abort = panic_count::increase(true);\n",
        1,
    ),
    (
        "std/src/alloc.rs",
        "pub fn rust_oom(layout: Layout) -> ! {\n",
        "pub fn rust_oom(layout: Layout) -> ! {\n"
        '    #[cfg(target_os = "solana")]\n'
        "    {\n"
        "        let _ = layout;\n"
        '        panic!("memory allocation failed, out of memory");\n'
        "    }\n"
        '    #[cfg(not(target_os = "solana"))]\n',
        1,
    ),
    # Sorting keeps 4,096 bytes on the stack: more than a frame of 4,096 holds together with anything else.
    (
        "core/src/slice/sort/stable/mod.rs",
        "AlignedStorage::<T, 4096>::new()",
        'AlignedStorage::<T, { if cfg!(target_os = "solana") { 512 } else { 4096 } }>::new()',
        2,
    ),
    (
        "core/src/slice/sort/shared/smallsort.rs",
        "const MAX_STACK_ARRAY_SIZE: usize = 4096;",
        'const MAX_STACK_ARRAY_SIZE: usize = if cfg!(target_os = "solana") { 1024 } else { 4096 };',
        1,
    ),
]

# Allocates downwards from the end of the 32 KiB heap and never frees; the heap's first word holds the lowest address
# given out, and is zero when the program starts.
ALLOCATOR = """use crate::alloc::{GlobalAlloc, Layout, System};
use crate::ptr;

const HEAP_START: usize = 0x3_0000_0000;
const HEAP_BYTES: usize = 32 * 1024;

#[stable(feature = "alloc_system_type", since = "1.28.0")]
unsafe impl GlobalAlloc for System {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let lowest = ptr::with_exposed_provenance_mut::<usize>(HEAP_START);
        let end = match unsafe { *lowest } {
            0 => HEAP_START + HEAP_BYTES,
            used => used,
        };
        let start = end.saturating_sub(layout.size()) & !(layout.align() - 1);
        if start < HEAP_START + size_of::<usize>() {
            return ptr::null_mut();
        }
        unsafe { *lowest = start };
        ptr::with_exposed_provenance_mut(start)
    }

    #[inline]
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
"""


def main() -> None:
    library = pathlib.Path(sys.argv[1])
    for name, old, new, count in EDITS:
        path = library / name
        text = path.read_text()
        found = text.count(old)
        if found != count:
            sys.exit(f"{path}: expected {old!r} {count} times, found it {found} times; is this the library of Rust 1.97.1?")
        path.write_text(text.replace(old, new))
    (library / "std/src/sys/alloc/solana.rs").write_text(ALLOCATOR)


if __name__ == "__main__":
    main()
