//! Parse arguments, run, exit.

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
