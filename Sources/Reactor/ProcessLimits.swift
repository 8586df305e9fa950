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

    /// Gives memory that the allocator keeps for later back to the system. It takes milliseconds after a rush, in which
    /// the allocator is locked: not for a busy loop.
    public static func giveBackMemory() { CShims_trim_memory() }
}
