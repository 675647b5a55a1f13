//! One file for each operator a tape can record: the forward call, and the closure that goes back.

mod attention;
mod dropout;
mod elementwise;
mod embedding;
mod head;
mod linear;
mod norm;
mod rope;
