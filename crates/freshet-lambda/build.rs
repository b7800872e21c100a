//! Links the small transformer at a fixed place: a start need not move 23,000 addresses, which is a quarter of its time. Code that is
//! reached by deliveries before their signatures are verified, the receiver's, keeps its random place.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_small = std::env::var_os("CARGO_FEATURE_TABLES").is_none();
    let is_linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    if is_small && is_linux {
        println!("cargo::rustc-link-arg-bin=transformer=-no-pie");
    }
}
