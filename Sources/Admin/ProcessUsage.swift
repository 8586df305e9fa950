import Glibc

/// What the process has used, from the kernel's own books.
public struct ProcessUsage: Sendable {
    /// Resident memory in octets.
    public var memory: UInt64
    /// Processor time of all threads, user and system, in seconds.
    public var processorSeconds: Double
    public var openDescriptors: Int

    public static func now() -> ProcessUsage {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        let (user, system) = (usage.ru_utime, usage.ru_stime)
        let seconds = Double(user.tv_sec + system.tv_sec) + Double(user.tv_usec + system.tv_usec) / 1e6
        return ProcessUsage(memory: residentMemory(), processorSeconds: seconds, openDescriptors: descriptors())
    }

    /// The second number of /proc/self/statm, in pages.
    private static func residentMemory() -> UInt64 {
        guard let file = fopen("/proc/self/statm", "re") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let pages = text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0
        return pages.multipliedReportingOverflow(by: UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))).partialValue
    }

    private static func descriptors() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Not counted: the two dot entries and the folder itself.
        return max(0, count - 3)
    }
}
