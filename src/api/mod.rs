//! Talking to the certificate API: one HTTP layer, and a client for each service above it.
//!
//! `http` sends one request and says exactly what is known when no answer came; `regfish` and
//! `digicert` know the words of their services; `budget` delays requests so that they stay within what a service allows. Nothing
//! in here repeats a request: whether an attempt is repeated is decided by the engine, which records
//! every attempt.

pub mod budget;
pub mod digicert;
pub mod http;
pub mod regfish;
mod tolerant;
pub mod web;
