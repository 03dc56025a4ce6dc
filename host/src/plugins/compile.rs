//! Machine code of components, made in a child process that may not starve the server. Knows no plugin.
//!
//! A JavaScript guest takes every core for 20 seconds. The child is this same binary, so both agree on the engine; it
//! yields to everybody, has bounds of memory and time, and is killed through its handle when it takes too long.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::engine;
use super::error::CompileError;

/// Address space of the compiler's process, in bytes.
const MEMORY: u64 = 4 << 30;

/// CPU time of the compiler's process over all of its threads, in seconds.
const CPU_SECONDS: u64 = 600;

/// Wall time of one compilation. A busy machine gives a niced process little.
const WALL: Duration = Duration::from_secs(300);

/// Nobody is nicer.
const NICENESS: i32 = 19;

/// Bytes of the child's complaint that are kept.
const MAX_COMPLAINT: u64 = 4096;

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In a child: `EXE compile-component IN OUT`, which has to call [`compile_component`].
    Child { exe: PathBuf },
    /// In this process, without bounds. For components that one has written oneself.
    Here,
}

impl Compiler {
    pub(super) async fn compile(&self, input: &Path, output: &Path) -> Result<(), CompileError> {
        match self {
            Self::Child { exe } => in_child(exe, input, output, WALL).await,
            Self::Here => {
                let (input, output) = (input.to_owned(), output.to_owned());
                let work = move || translate(&input, &output);
                tokio::task::spawn_blocking(work)
                    .await
                    .unwrap_or_else(|panic| Err(CompileError::Failed(panic.to_string())))
            }
        }
    }
}

async fn in_child(
    exe: &Path,
    input: &Path,
    output: &Path,
    wall: Duration,
) -> Result<(), CompileError> {
    let mut child = Command::new(exe)
        .arg("compile-component")
        .args([input, output])
        // Whatever secrets the server's environment holds, the compiler needs none of them.
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CompileError::Start)?;
    let ended = timeout(wall, watch(&mut child)).await;
    match ended {
        Ok(Ok((status, _))) if status.success() => Ok(()),
        Ok(Ok((status, complaint))) if complaint.is_empty() => {
            Err(CompileError::Failed(format!("the compiler ended with {status}")))
        }
        Ok(Ok((_, complaint))) => Err(CompileError::Failed(complaint)),
        Ok(Err(error)) => Err(CompileError::Start(error)),
        Err(_) => {
            child.kill().await.map_err(CompileError::Start)?;
            Err(CompileError::TooSlow(wall))
        }
    }
}

/// Waits for the child and for the first lines of its complaint, whichever way they come.
async fn watch(child: &mut Child) -> std::io::Result<(std::process::ExitStatus, String)> {
    let mut complaint = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        // Closing the pipe after that much lets a chatty child run into an error of its own.
        stderr.take(MAX_COMPLAINT).read_to_end(&mut complaint).await?;
    }
    let status = child.wait().await?;
    Ok((status, String::from_utf8_lossy(&complaint).trim().to_owned()))
}

/// What the child process does: bounds itself, then compiles `input` into `output`.
pub fn compile_component(input: &Path, output: &Path) -> Result<(), CompileError> {
    let bound =
        |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    nice(NICENESS)
        .and_then(|_| bound(Resource::As, MEMORY))
        .and_then(|()| bound(Resource::Cpu, CPU_SECONDS))
        .map_err(|error| CompileError::Start(error.into()))?;
    translate(input, output)
}

fn translate(input: &Path, output: &Path) -> Result<(), CompileError> {
    let failed = |error: &dyn std::fmt::Display| CompileError::Failed(error.to_string());
    let wasm = std::fs::read(input).map_err(|e| failed(&e))?;
    let engine = engine::compiling().map_err(|e| failed(&e))?;
    let code = engine.precompile_component(&wasm).map_err(|e| failed(&format!("{e:#}")))?;
    std::fs::write(output, code).map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that ignores its arguments and does something else.
    fn program(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("exe");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    #[tokio::test]
    async fn a_compiler_that_hangs_is_killed_and_does_not_outlive_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let exe = program(dir.path(), "exec sleep 1000");
        let wall = Duration::from_millis(50);
        let error = in_child(&exe, Path::new("in"), Path::new("out"), wall).await.unwrap_err();
        assert!(matches!(error, CompileError::TooSlow(_)), "{error}");
    }

    #[tokio::test]
    async fn a_compilers_complaint_reaches_the_operator() {
        let dir = tempfile::tempdir().unwrap();
        let exe = program(dir.path(), "echo no such instruction >&2; exit 1");
        let error = in_child(&exe, Path::new("in"), Path::new("out"), WALL).await.unwrap_err();
        assert_eq!(error.to_string(), "the component does not compile: no such instruction");
    }

    #[tokio::test]
    async fn a_compiler_killed_for_its_memory_is_an_error_and_not_a_wait() {
        let dir = tempfile::tempdir().unwrap();
        let exe = program(dir.path(), "kill -9 $$");
        let error = in_child(&exe, Path::new("in"), Path::new("out"), WALL).await.unwrap_err();
        assert!(error.to_string().contains("signal"), "{error}");
    }
}
