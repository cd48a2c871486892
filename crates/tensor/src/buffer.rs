//! Aligned memory for elements, recycled between operations.
//!
//! A fresh large allocation costs a page fault every 4 KiB, as much as the arithmetic of a cheap
//! operation. So freed buffers wait in a small store for the next operation of the same size.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::Element;

/// One cache line, and the width of the widest register.
const ALIGNMENT: usize = 64;
/// What every allocator aligns to without further work.
const NARROW: usize = 8;
/// Zeros from this size on are worth pages of their own.
const LARGE_BYTES: usize = 1 << 20;
/// The GNU allocator never has more than 32 MiB of one allocation in its heap.
const OUTSIDE_HEAP_BYTES: usize = 33 << 20;
/// Sizes are rounded up to this, so that near sizes share buffers.
const GRANULE_BYTES: usize = 4096;
/// What the store may hold before it gives memory back to the system.
const STORE_BYTES: usize = 512 << 20;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    /// Gives free pages of the GNU allocator's heaps back, but `pad` bytes at their ends.
    safe fn malloc_trim(pad: usize) -> i32;
}

/// Gives the memory of buffers that wait for reuse back to the system: between stages of a program
/// whose tensors have other sizes, what one leaves is of no use to the next.
pub fn release_buffers() {
    store().empty();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    malloc_trim(0);
}

/// Initialised, aligned bytes with unique ownership.
pub(crate) struct Buffer {
    pointer: NonNull<u8>,
    bytes: usize,
    /// Bytes of the allocation before the first; 0 for buffers that are recycled.
    lead: usize,
}

// SAFETY: a `Buffer` owns its memory; shared access is read-only.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// At least `bytes` bytes of initialised but arbitrary content.
    pub(crate) fn arbitrary(bytes: usize) -> Self {
        let bytes = bytes.max(1).next_multiple_of(GRANULE_BYTES);
        store().take(bytes).unwrap_or_else(|| Self::allocate(bytes))
    }

    /// At least `bytes` bytes of zeros, fresh from the system and never recycled. Pages that nobody
    /// touches cost nothing. The allocator clears memory itself for wide alignments, so this asks for
    /// a narrow one and skips to the next line; and it does so for what it keeps in its heap, so
    /// this asks for more than that.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        let bytes = bytes.max(1).next_multiple_of(GRANULE_BYTES);
        let bytes = if bytes < LARGE_BYTES {
            bytes
        } else {
            bytes.max(OUTSIDE_HEAP_BYTES)
        };
        let layout = Self::narrow_layout(bytes);
        // SAFETY: the layout has a non-zero size; the result is checked.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout)
        };
        let lead = ALIGNMENT - start.as_ptr().addr() % ALIGNMENT;
        Self {
            // SAFETY: the layout is a whole line longer than `bytes`.
            pointer: unsafe { start.add(lead) },
            bytes,
            lead,
        }
    }

    fn narrow_layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes + ALIGNMENT, NARROW)
            .expect("a buffer larger than the address space")
    }

    fn allocate(bytes: usize) -> Self {
        // SAFETY: the layout has a non-zero size; the result is checked.
        let pointer = unsafe { alloc_zeroed(Self::layout(bytes)) };
        let Some(pointer) = NonNull::new(pointer) else {
            handle_alloc_error(Self::layout(bytes))
        };
        Self {
            pointer,
            bytes,
            lead: 0,
        }
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, ALIGNMENT).expect("a buffer larger than the address space")
    }

    /// The buffer as elements.
    pub(crate) fn as_slice<T: Element>(&self) -> &[T] {
        let len = self.bytes / size_of::<T>();
        // SAFETY: the memory is initialised, aligned to 64, owned, and any bits are a valid `T`.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr().cast(), len) }
    }

    /// The buffer as bytes to write.
    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8] {
        // SAFETY: the memory is initialised and owned, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.bytes) }
    }

    /// The buffer as elements to write.
    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        let len = self.bytes / size_of::<T>();
        // SAFETY: as in `as_slice`, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr().cast(), len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.lead == 0 {
            store().give(self.pointer, self.bytes);
        } else {
            // SAFETY: allocated by `zeroed` with this layout, `lead` bytes before the pointer.
            unsafe {
                let start = self.pointer.as_ptr().sub(self.lead);
                dealloc(start, Self::narrow_layout(self.bytes));
            }
        }
    }
}

/// Buffers that wait for reuse, by size.
#[derive(Default)]
struct Store {
    free: HashMap<usize, Vec<usize>>,
    bytes: usize,
}

struct Shared(Mutex<Store>);

fn store() -> &'static Shared {
    static STORE: LazyLock<Shared> = LazyLock::new(|| Shared(Mutex::new(Store::default())));
    &STORE
}

impl Shared {
    fn take(&self, bytes: usize) -> Option<Buffer> {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = store.free.get_mut(&bytes)?.pop()?;
        store.bytes -= bytes;
        let pointer = NonNull::new(address as *mut u8)?;
        Some(Buffer {
            pointer,
            bytes,
            lead: 0,
        })
    }

    fn empty(&self) {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Store { free, .. } = std::mem::take(&mut *store);
        for (bytes, addresses) in free {
            for address in addresses {
                let pointer = address as *mut u8;
                // SAFETY: allocated by `allocate` with this layout, and nobody else has its address.
                unsafe { dealloc(pointer, Buffer::layout(bytes)) };
            }
        }
    }

    fn give(&self, pointer: NonNull<u8>, bytes: usize) {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if store.bytes + bytes <= STORE_BYTES {
            store.bytes += bytes;
            store
                .free
                .entry(bytes)
                .or_default()
                .push(pointer.as_ptr() as usize);
        } else {
            // SAFETY: allocated by `allocate` with this layout, and only called by its last owner.
            unsafe { dealloc(pointer.as_ptr(), Buffer::layout(bytes)) };
        }
    }
}
