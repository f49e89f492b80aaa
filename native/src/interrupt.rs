//! Ctrl-C, and what else asks a command to end: SIGTERM of a scheduler or of
//! `docker stop`, SIGHUP of a terminal that is closed.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::messages::say;

// A signal sets the one and asks the other, and a command between two batches the other way
// round: in one order for all, so that one of the two sees it.
/// The signal that was raised; 0 before.
static RAISED: AtomicU8 = AtomicU8::new(0);
/// Whether a first signal waits for the end of a batch.
static BUSY: AtomicBool = AtomicBool::new(false);

/// What a signal does: while the command is busy it asks it to finish the batch,
/// and a second one, or one that meets it waiting for input, ends it at once.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(());

impl Interrupt {
    pub(crate) fn listen() -> Self {
        if let Err(error) = system::listen(raise) {
            say!("delicate: Ctrl-C will stop the command in the middle of a row: {error}");
        }
        Self(())
    }

    pub(crate) fn busy(self, busy: bool) {
        BUSY.store(busy, Ordering::SeqCst);
    }

    pub(crate) fn is_raised(self) -> bool {
        RAISED.load(Ordering::SeqCst) != 0
    }
}

/// The exit code of a command that a signal ended: 128 and the signal's number, as
/// shells have it; 130 is Ctrl-C.
pub(crate) fn exit_code() -> u8 {
    match RAISED.load(Ordering::SeqCst) {
        0 => 128 + system::INTERRUPT,
        signal => 128 + signal,
    }
}

fn raise(signal: u8) {
    let again = RAISED.swap(signal, Ordering::SeqCst) != 0;
    if again || !BUSY.load(Ordering::SeqCst) {
        std::process::exit(exit_code().into());
    }
}

#[cfg(unix)]
mod system {
    use std::io;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    pub(super) const INTERRUPT: u8 = SIGINT as u8;

    /// Calls `raise` with each signal, on a thread of its own.
    pub(super) fn listen(raise: fn(u8)) -> io::Result<()> {
        // What the caller had us ignore stays ignored: `nohup` is for that.
        let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter();
        let mut signals = Signals::new(heeded.filter(|&signal| !is_ignored(signal)))?;
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    raise(signal as u8);
                }
            })?;
        Ok(())
    }

    fn is_ignored(signal: i32) -> bool {
        // SAFETY: all zeros are a valid `sigaction`, and without a new action the
        // call writes the present one and changes nothing.
        unsafe {
            let mut present: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &mut present) == 0
                && present.sa_sigaction == libc::SIG_IGN
        }
    }
}

#[cfg(windows)]
mod system {
    use std::io;
    use std::sync::OnceLock;
    use std::time::Duration;

    use windows_sys::Win32::System::Console::{
        CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler,
    };
    use windows_sys::core::BOOL;

    pub(super) const INTERRUPT: u8 = 2;

    static RAISE: OnceLock<fn(u8)> = OnceLock::new();

    /// Calls `raise` at Ctrl-C and Ctrl-Break, and when the console is closed, the user
    /// logs off or the machine is shut down.
    pub(super) fn listen(raise: fn(u8)) -> io::Result<()> {
        RAISE.get_or_init(|| raise);
        // SAFETY: the function is there as long as the process, and may be called on
        // any thread.
        match unsafe { SetConsoleCtrlHandler(Some(handle), 1) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Called by Windows, on a thread of its own.
    unsafe extern "system" fn handle(event: u32) -> BOOL {
        if let Some(raise) = RAISE.get() {
            raise(INTERRUPT);
        }
        // In the other cases the process ends when this returns, or after the five
        // seconds that Windows waits: time to store what is done.
        while !matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) {
            std::thread::sleep(Duration::from_secs(1));
        }
        1
    }
}
