internal import CPlatform

/// The checksum of a data page: 32 interleaved sums, folded with the block number into 16 bits. The
/// module's article describes the algorithm. Mirrors PostgreSQL's `pg_checksum_page`.
///
/// Only reads the page, counting its own checksum field as zero, so a page can be checked while
/// others read it. Safe to call from any thread.
public enum PageChecksum {
    /// The checksum that `page` must carry at `block`, counted from the beginning of the fork
    /// across all segments. Never 0.
    public static func compute(_ page: PageView, block: UInt32) -> UInt16 {
        unsafe page.bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            // A view has exactly the 8192 bytes that the kernel reads.
            return unsafe strata_checksum_page(start, block)
        }
    }

    /// The checksums of the pages at `block` and behind it, in three quarters of the time of
    /// computing one after the other.
    public static func compute(_ first: PageView, _ second: PageView, block: UInt32) -> (
        first: UInt16, second: UInt16
    ) {
        var sums = InlineArray<2, UInt16>(repeating: 0)
        unsafe first.bytes.withUnsafeBytes { one in
            unsafe second.bytes.withUnsafeBytes { two in
                guard let one = one.baseAddress, let two = two.baseAddress else { return }
                var span = sums.mutableSpan
                unsafe span.withUnsafeMutableBufferPointer { sums in
                    // Views have exactly the 8192 bytes each that the kernel reads.
                    unsafe strata_checksum_two_pages(one, two, block, sums.baseAddress)
                }
            }
        }
        return (sums[0], sums[1])
    }

    /// The kernel that ``compute(_:block:)`` runs on this machine: `portable` or `avx2`.
    public static var kernelName: String {
        Kernel.allCases.last(where: \.isAvailable)?.rawValue ?? "portable"
    }

    /// The implementations, slowest first. All compute the same sums.
    enum Kernel: String, CaseIterable {
        case portable, avx2

        private var variant: Int32 {
            switch self {
            case .portable: Int32(STRATA_CHECKSUM_PORTABLE.rawValue)
            case .avx2: Int32(STRATA_CHECKSUM_AVX2.rawValue)
            }
        }

        /// Whether this machine can run the kernel.
        var isAvailable: Bool { strata_checksum_variant_available(variant) }

        /// ``PageChecksum/compute(_:block:)`` by this kernel; by the portable one if it is not
        /// available.
        func compute(_ page: PageView, block: UInt32) -> UInt16 {
            unsafe page.bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return 0 }
                return unsafe strata_checksum_page_variant(start, block, variant)
            }
        }
    }
}
