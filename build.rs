//! Tells cargo that the page and its examples are part of the program.

fn main() {
    println!("cargo:rerun-if-changed=assets");
    println!("cargo:rerun-if-changed=frontend-examples/operations");
    println!("cargo:rerun-if-changed=frontend-examples/samples.json");
}
