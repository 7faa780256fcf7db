//! The program `certplan`: a thin shell around the library.

fn main() {}
