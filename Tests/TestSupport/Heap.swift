import CAllocationCounter

/// What work takes of the heap.
public enum Heap {
    /// Whether that can be told: a sanitizer's own malloc is not followed.
    public static var isFollowed: Bool { CAllocationCounter_count() > 0 }

    /// The most octets that this thread has held at once for `work` and its result.
    public static func peak<Result>(of work: () throws -> Result) rethrows -> Int {
        CAllocationCounter_follow()
        defer { _ = CAllocationCounter_peak() }
        let result = try work()
        return withExtendedLifetime(result) { Int(CAllocationCounter_peak()) }
    }
}
