//! The program `certplan`: a thin shell around the library.

fn main() -> std::process::ExitCode {
    certplan::cli::main(std::env::args_os()).into()
}
