import CShims

/// Limits the kernel sets to the process.
public enum ProcessLimits {
    /// Raises the number of descriptors the process may open to the most it is allowed, and returns that number.
    @discardableResult
    public static func raiseFileLimit() throws(SystemError) -> Int {
        let limit = CShims_raise_file_limit()
        if limit < 0 { throw .last("raise the limit of open files") }
        return Int(limit)
    }

    /// Has large tables mapped alone, so that they go back to the system when they are let go of, and little else kept
    /// for later. By itself glibc raises both limits to the largest block it ever freed, and so keeps megabytes of a
    /// rush at the end of each thread's arena, where ``giveBackMemory()`` does not reach.
    public static func keepLittleFreeMemory() { CShims_keep_little_free_memory(256 << 10) }

    /// Gives memory that the allocator keeps for later back to the system. It takes milliseconds after a rush, in which
    /// the allocator is locked: not for a busy loop.
    public static func giveBackMemory() { CShims_trim_memory() }
}
