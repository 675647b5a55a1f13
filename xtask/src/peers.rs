//! Speed against other programs, on this machine, in turn.

use crate::shell::{self, cargo, root};
use crate::world::python_environment;
use std::process::Command;

/// What is compared
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed to the driver, `benches/peers/run.py`: names of comparisons, `--rounds N`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// The engines that are compared, beside PyTorch and NumPy; `onnx` carries a model from one to another.
const ENGINES: &[&str] = &["onnx==1.23.2", "onnxruntime==1.32.0", "openvino==2026.4.1"];

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let python = python_environment(ENGINES)?;
    shell::run("our side", &mut cargo(&["build", "--release", "--workspace", "--examples", "--bins"]))?;
    let mut driver = Command::new(python);
    driver.arg(root().join("benches/peers/run.py")).args(args.rest).current_dir(root());
    shell::run("peers", &mut driver)
}
