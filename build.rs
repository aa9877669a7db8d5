//! Tells cargo to look again when a migration is added, which `sqlx::migrate!` cannot.

fn main() {
    println!("cargo:rerun-if-changed=src/store/migrations");
}
