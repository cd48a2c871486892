//! AMX: tiles of 16 rows of 64 bytes, and their products: of bf16 into f32, of bytes into whole numbers.
//!
//! Intrinsics are unstable, so the instructions stand in `asm!` blocks. Tile registers do not live
//! across blocks for the compiler; one block holds a whole sum.

#![allow(unsafe_code)]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::LazyLock;

use half::bf16;

use super::gemm::{Operand, Sums};
use super::simd::Simd;
use crate::flops;
use crate::packed::{Codes, Line, PANEL, SLICE};

/// Whether processor and system let this process use AMX with bf16 and bytes. Asks the system once.
pub(super) fn enabled() -> bool {
    static ENABLED: LazyLock<bool> = LazyLock::new(|| {
        const BF16_TILE_INT8: u32 = 1 << 22 | 1 << 24 | 1 << 25;
        let has = __cpuid_count(7, 0).edx & BF16_TILE_INT8 == BF16_TILE_INT8;
        has && request_permission()
    });
    *ENABLED
}

/// Linux saves the large tile state only for processes that ask; it covers all threads.
#[cfg(target_os = "linux")]
fn request_permission() -> bool {
    const ARCH_PRCTL: u64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: the call takes two numbers and touches no memory of ours; `syscall` overwrites rcx
    // and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn request_permission() -> bool {
    false
}

/// The thread's tiles, configured as eight full ones while this lives.
pub(super) struct Tiles(());

/// The operand of `ldtilecfg`.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIG: Config = {
    let mut config = Config {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    let mut i = 0;
    while i < 8 {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
        i += 1;
    }
    config
};

/// Products by one instruction into four sums.
macro_rules! spin {
    ($product:literal, $rounds:expr) => {
        assert!($rounds > 0, "a loop that never ends");
        // SAFETY: whoever has `Tiles` has configured them; no memory is touched.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                "tilezero tmm6",
                "tilezero tmm7",
                "2:",
                concat!($product, " tmm0, tmm4, tmm6"),
                concat!($product, " tmm1, tmm4, tmm7"),
                concat!($product, " tmm2, tmm5, tmm6"),
                concat!($product, " tmm3, tmm5, tmm7"),
                "dec {rounds}",
                "jnz 2b",
                rounds = inout(reg) $rounds => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, nomem),
            );
        }
    };
}

#[expect(clippy::unused_self, reason = "proves that tiles are configured")]
impl Tiles {
    /// The tiles of this thread, where the instruction set has them.
    #[inline]
    pub(super) fn of<S: Simd>(s: S) -> Option<Self> {
        // SAFETY: tiles are there where AMX is enabled.
        s.has_tiles().then(|| unsafe { Self::configure() })
    }

    /// Configures the tiles of this thread.
    ///
    /// # Safety
    /// [`enabled`] has returned true.
    unsafe fn configure() -> Self {
        // SAFETY: the caller vouches for AMX; the operand is a valid configuration.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, readonly)) };
        Self(())
    }

    /// Products of tiles into four sums, `rounds` of each, and nothing else; gives their operations.
    ///
    /// # Panics
    /// When there are no rounds.
    pub(super) fn spin(&self, rounds: u64) -> u64 {
        spin!("tdpbf16ps", rounds);
        4 * rounds * flops::linear(16, SLICE, 16)
    }

    /// The same of bytes.
    ///
    /// # Panics
    /// When there are no rounds.
    pub(super) fn spin_codes(&self, rounds: u64) -> u64 {
        spin!("tdpbusd", rounds);
        4 * rounds * flops::linear(16, 2 * SLICE, 16)
    }

    /// `c = a[first_row..first_row + 32] b` over all slices, 32 columns of one panel; added to `c`
    /// where it keeps its sums.
    pub(super) fn multiply(
        &self,
        a: &Operand<bf16>,
        first_row: usize,
        panel: &[bf16],
        c: &mut Sums,
    ) {
        let slices = a.offsets.len();
        assert!(
            slices > 0 && panel.len() == slices * SLICE * PANEL,
            "a panel for another depth"
        );
        c.check();
        // SAFETY: `self` says that tiles are configured. `Operand::tile` has checked that 16 rows
        // of 32 elements at every offset lie inside the operand; the panel's length is checked
        // above; `Sums::check` that `c` holds 32 rows of 32 numbers at its stride.
        unsafe {
            asm!(
                "mov {a}, {c_line}",
                "shl {a}, 4",
                "add {a}, {c}",
                "test {offset}, {offset}",
                "jz 2f",
                "tileloadd tmm0, [{c} + {c_line}*1]",
                "tileloadd tmm1, [{c} + {c_line}*1 + 64]",
                "tileloadd tmm2, [{a} + {c_line}*1]",
                "tileloadd tmm3, [{a} + {c_line}*1 + 64]",
                "jmp 3f",
                "2:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "3:",
                "mov {offset}, qword ptr [{offsets}]",
                "lea {a}, [{upper} + {offset}*2]",
                "tileloadd tmm4, [{a} + {a_line}*1]",
                "tileloadd tmm6, [{b} + {b_line}*1]",
                "lea {a}, [{lower} + {offset}*2]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {b_line}*1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {a_line}*1]",
                "add {offsets}, 8",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "add {b}, 2048",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {slices}",
                "jnz 3b",
                "tilestored [{c} + {c_line}*1], tmm0",
                "tilestored [{c} + {c_line}*1 + 64], tmm1",
                "mov {a}, {c_line}",
                "shl {a}, 4",
                "add {a}, {c}",
                "tilestored [{a} + {c_line}*1], tmm2",
                "tilestored [{a} + {c_line}*1 + 64], tmm3",
                a = out(reg) _,
                offset = inout(reg) usize::from(c.keep) => _,
                offsets = inout(reg) a.offsets.as_ptr() => _,
                upper = in(reg) a.tile(first_row),
                lower = in(reg) a.tile(first_row + 16),
                a_line = in(reg) a.row_stride * size_of::<bf16>(),
                b = inout(reg) panel.as_ptr() => _,
                b_line = in(reg) 64_usize,
                c = in(reg) c.data.as_mut_ptr(),
                c_line = in(reg) c.stride * size_of::<f32>(),
                slices = inout(reg) slices => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// The same of codes, unsigned by signed: `c` gets the bits of whole numbers, which begin with what the
    /// panel's first lines say.
    pub(super) fn multiply_codes(
        &self,
        a: &Operand<[u8; 2]>,
        first_row: usize,
        panel: &[Line],
        c: &mut Sums,
    ) {
        let slices = a.offsets.len();
        assert!(
            slices > 0 && panel.len() == Codes::panel_lines(slices) && !c.keep,
            "a panel for another depth"
        );
        c.check();
        // SAFETY: as in `multiply`; each line is 64 bytes, and those of the sums are read again for
        // every row by a stride of nothing.
        unsafe {
            asm!(
                "tileloadd tmm0, [{b} + {a}*1]",
                "tileloadd tmm1, [{b} + {a}*1 + 64]",
                "tileloadd tmm2, [{b} + {a}*1]",
                "tileloadd tmm3, [{b} + {a}*1 + 64]",
                "add {b}, {head}",
                "3:",
                "mov {offset}, qword ptr [{offsets}]",
                "lea {a}, [{upper} + {offset}*2]",
                "tileloadd tmm4, [{a} + {line}*1]",
                "tileloadd tmm6, [{b} + {line}*1]",
                "lea {a}, [{lower} + {offset}*2]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {line}*1 + 1024]",
                "tdpbusd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {line}*1]",
                "add {offsets}, 8",
                "tdpbusd tmm2, tmm5, tmm6",
                "add {b}, 2048",
                "tdpbusd tmm3, tmm5, tmm7",
                "dec {slices}",
                "jnz 3b",
                "tilestored [{c} + {c_line}*1], tmm0",
                "tilestored [{c} + {c_line}*1 + 64], tmm1",
                "mov {a}, {c_line}",
                "shl {a}, 4",
                "add {a}, {c}",
                "tilestored [{a} + {c_line}*1], tmm2",
                "tilestored [{a} + {c_line}*1 + 64], tmm3",
                a = inout(reg) 0_usize => _,
                offset = out(reg) _,
                offsets = inout(reg) a.offsets.as_ptr() => _,
                upper = in(reg) a.tile(first_row),
                lower = in(reg) a.tile(first_row + 16),
                b = inout(reg) panel.as_ptr() => _,
                line = in(reg) 64_usize,
                head = const Codes::HEAD * size_of::<Line>(),
                c = in(reg) c.data.as_mut_ptr(),
                c_line = in(reg) c.stride * size_of::<f32>(),
                slices = inout(reg) slices => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: `self` says that this thread has tiles.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}
