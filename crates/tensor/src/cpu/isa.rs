//! Which instructions the kernels use.

use std::cell::Cell;
use std::sync::LazyLock;

/// A set of instructions with its own kernels, slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Scalar code, the definition of every operation.
    Reference,
    /// The fast kernels compiled for any processor.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and DQ.
    Avx512,
    /// AVX-512 with BF16: products of pairs of bf16.
    Avx512Bf16,
    /// The same, and AMX tiles of bf16, on Linux.
    Amx,
}

/// Why `KINORA_CPU` cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsaError {
    /// The value names no instruction set.
    Unknown {
        /// What the variable holds.
        value: String,
    },
    /// This processor or system lacks the instructions.
    Unsupported {
        /// What was asked for.
        isa: Isa,
    },
}

impl std::fmt::Display for IsaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |all: &[Isa]| {
            all.iter()
                .map(|isa| isa.name())
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Self::Unknown { value } => {
                write!(f, "KINORA_CPU={value} is none of {}", names(&Isa::ALL))
            }
            Self::Unsupported { isa } => write!(
                f,
                "KINORA_CPU={} does not run on this machine, which has {}",
                isa.name(),
                names(&Isa::available())
            ),
        }
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// All of them, slowest first.
    pub const ALL: [Self; 6] = [
        Self::Reference,
        Self::Portable,
        Self::Avx2,
        Self::Avx512,
        Self::Avx512Bf16,
        Self::Amx,
    ];

    /// The name that `KINORA_CPU` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512bf16",
            Self::Amx => "amx",
        }
    }

    /// What this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// What this process uses: `KINORA_CPU`, else the fastest available.
    ///
    /// # Errors
    /// When `KINORA_CPU` is unknown or unsupported. Operations panic then, so a program calls this
    /// first to say it kindly.
    pub fn of_process() -> Result<Self, IsaError> {
        static CHOICE: LazyLock<Result<Isa, IsaError>> = LazyLock::new(|| {
            let value = std::env::var_os("KINORA_CPU");
            Isa::choose(
                value
                    .as_ref()
                    .map(|value| value.to_string_lossy())
                    .as_deref(),
            )
        });
        CHOICE.clone()
    }

    fn choose(value: Option<&str>) -> Result<Self, IsaError> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(*Self::available()
                .last()
                .expect("the reference runs anywhere"));
        };
        let isa = Self::ALL.into_iter().find(|isa| isa.name() == value);
        let isa = isa.ok_or_else(|| IsaError::Unknown {
            value: value.to_owned(),
        })?;
        if isa.is_available() {
            Ok(isa)
        } else {
            Err(IsaError::Unsupported { isa })
        }
    }

    /// What the calling thread uses: that of the process, or of the enclosing [`with_isa`].
    pub(crate) fn current() -> Self {
        FORCED.get().unwrap_or_else(|| match Self::of_process() {
            Ok(isa) => isa,
            Err(error) => panic!("{error}"),
        })
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match self {
            Self::Reference | Self::Portable => true,
            Self::Avx2 => has!("avx2") && has!("fma"),
            Self::Avx512 => {
                has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq")
            }
            Self::Avx512Bf16 => {
                Self::Avx512.is_available() && has!("avx512bf16") && has!("avx512vnni")
            }
            Self::Amx => Self::Avx512Bf16.is_available() && super::amx::enabled(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        matches!(self, Self::Reference | Self::Portable)
    }
}

thread_local! {
    static FORCED: Cell<Option<Isa>> = const { Cell::new(None) };
}

/// Runs `f` with another instruction set than the process chose. For tests and benchmarks.
///
/// # Panics
/// When the machine lacks it.
pub fn with_isa<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    assert!(isa.is_available(), "{}", IsaError::Unsupported { isa });
    with_forced(Some(isa), f)
}

/// What an enclosing [`with_isa`] chose.
pub(super) fn forced() -> Option<Isa> {
    FORCED.get()
}

/// Runs `f` with what [`forced`] gave on another thread.
pub(super) fn with_forced<R>(isa: Option<Isa>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Isa>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(isa));
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_chooses_or_is_refused() {
        assert_eq!(Isa::choose(Some("reference")), Ok(Isa::Reference));
        assert_eq!(Isa::choose(None), Isa::choose(Some("")));
        let error = Isa::choose(Some("avx1024")).unwrap_err().to_string();
        assert!(
            error.contains("avx1024") && error.contains("avx512"),
            "{error}"
        );
    }

    #[test]
    fn a_forced_set_ends_with_its_scope() {
        let before = Isa::current();
        with_isa(Isa::Reference, || {
            assert_eq!(Isa::current(), Isa::Reference);
        });
        assert_eq!(Isa::current(), before);
    }
}
