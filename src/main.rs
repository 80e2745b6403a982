//! Parse arguments, run, exit.

/// Requests are many small allocations that one thread makes and another frees: there this one is quicker than the
/// system's, and gives memory back after a storm.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
