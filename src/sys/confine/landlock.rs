//! Landlock: files, TCP and signals. Each kernel enforces what it has.

use std::fmt;
use std::io;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus as Kernel, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, make_bitflags, path_beneath_rules,
};

use super::Reach;

/// What holds of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LandlockStatus {
    /// The kernel was built without it.
    Missing,
    /// The kernel has it, and was started without it.
    NotEnabled,
    /// The version of its interface.
    Holds(u32),
}

/// # Errors
/// What the kernel refuses.
pub(super) fn restrict(reach: &Reach) -> io::Result<LandlockStatus> {
    let status = apply(reach).map_err(io::Error::other)?;
    Ok(match status {
        Kernel::NotImplemented => LandlockStatus::Missing,
        Kernel::NotEnabled => LandlockStatus::NotEnabled,
        Kernel::Available { effective_abi, kernel_abi } => {
            let known = effective_abi as u32;
            LandlockStatus::Holds(kernel_abi.and_then(|it| u32::try_from(it).ok()).unwrap_or(known))
        }
    })
}

fn apply(reach: &Reach) -> Result<Kernel, RulesetError> {
    // Where a path is missing, nothing is allowed there.
    let rules = |paths: &[PathBuf], access: BitFlags<AccessFs>| {
        path_beneath_rules(paths.to_owned(), access)
    };
    let mut handled = AccessFs::from_all(NEWEST);
    let mut ruleset = Ruleset::default();
    if reach.network || reach.daemons {
        handled.remove(AccessFs::ResolveUnix);
    }
    if !reach.network {
        let mut net = AccessNet::from_all(TCP_ONLY);
        if reach.listens {
            net.remove(AccessNet::BindTcp);
        }
        ruleset = ruleset.handle_access(net)?;
    }
    let mut scope = Scope::from_all(NEWEST);
    if reach.daemons {
        scope.remove(Scope::AbstractUnixSocket);
    }
    let created = ruleset.handle_access(handled)?.scope(scope)?.create()?;
    let restricted = created
        .add_rules(rules(&reach.read, READ))?
        .add_rules(rules(&reach.list, AccessFs::ReadDir.into()))?
        .add_rules(rules(&reach.run, READ | AccessFs::Execute))?
        .add_rules(rules(&reach.write, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(rules(&reach.change, READ | CHANGE))?
        .restrict_self()?;
    Ok(restricted.landlock)
}

impl fmt::Display for LandlockStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let abi = match self {
            LandlockStatus::Missing => return formatter.write_str("this kernel has no Landlock"),
            LandlockStatus::NotEnabled => {
                return formatter.write_str("Landlock is not enabled (kernel parameter lsm=)");
            }
            LandlockStatus::Holds(abi) => *abi,
        };
        write!(formatter, "Landlock ABI {abi}: files")?;
        if abi >= TCP_SINCE {
            formatter.write_str(", TCP")?;
        }
        if abi >= SIGNALS_SINCE {
            formatter.write_str(", signals")?;
        }
        Ok(())
    }
}

/// What is known of its interface here; older kernels enforce their part of it.
const NEWEST: ABI = ABI::V9;

/// The rights on the network of this version: to bind and to connect TCP sockets.
const TCP_ONLY: ABI = ABI::V4;

const TCP_SINCE: u32 = 4;
const SIGNALS_SINCE: u32 = 6;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

/// No devices: a root that can be written to must not get one.
const CHANGE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    WriteFile | Truncate | MakeReg | MakeDir | MakeSym | MakeSock | MakeFifo | RemoveFile | RemoveDir | Refer
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_reads_what_a_kernel_has() {
        let words = |status: LandlockStatus| status.to_string();
        assert_eq!(words(LandlockStatus::Holds(1)), "Landlock ABI 1: files");
        assert_eq!(words(LandlockStatus::Holds(4)), "Landlock ABI 4: files, TCP");
        assert_eq!(words(LandlockStatus::Holds(7)), "Landlock ABI 7: files, TCP, signals");
        assert_eq!(words(LandlockStatus::Missing), "this kernel has no Landlock");
    }
}
