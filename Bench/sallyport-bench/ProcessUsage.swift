import Foundation
import Glibc

/// What a process and its descendants have used so far, read from /proc.
struct ProcessUsage {
    /// User and system time of all threads.
    var cpuSeconds = 0.0
    /// Proportional set size, so that memory shared between the processes counts once.
    var memoryBytes: UInt64 = 0
    var descriptors = 0

    /// The sum over several processes; nil when there are none, or one is gone.
    init?(of pids: [pid_t]) {
        if pids.isEmpty { return nil }
        for pid in pids {
            guard let usage = ProcessUsage(of: pid) else { return nil }
            cpuSeconds += usage.cpuSeconds
            memoryBytes += usage.memoryBytes
            descriptors += usage.descriptors
        }
    }

    /// Nil when the process is gone.
    init?(of pid: pid_t) {
        guard let first = ProcessStatus(pid) else { return nil }
        add(first)
        for child in Self.descendants(of: pid) {
            if let status = ProcessStatus(child) { add(status) }
        }
    }

    /// User and system time of this very process.
    static var ownCPUSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private mutating func add(_ status: ProcessStatus) {
        cpuSeconds += status.cpuSeconds
        memoryBytes += status.memoryBytes
        descriptors += status.descriptors
    }

    private static func descendants(of root: pid_t) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let parents = names.compactMap { pid_t($0) }.compactMap { pid in
            ProcessStatus.fields(pid).map { (pid, parent: pid_t($0[1]) ?? 0) }
        }
        var family: Set<pid_t> = [root]
        var grew = true
        while grew {
            grew = false
            for (pid, parent) in parents where family.contains(parent) {
                if family.insert(pid).inserted { grew = true }
            }
        }
        return family.subtracting([root]).sorted()
    }
}

/// One process of a tree.
private struct ProcessStatus {
    let cpuSeconds: Double
    let memoryBytes: UInt64
    let descriptors: Int

    init?(_ pid: pid_t) {
        guard let fields = Self.fields(pid), fields.count > 12, let user = Double(fields[11]),
            let system = Double(fields[12])
        else { return nil }
        cpuSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        memoryBytes = Self.memory(pid)
        descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
    }

    /// The fields of /proc/PID/stat behind the name, which may itself hold blanks and parentheses: state, parent, ….
    static func fields(_ pid: pid_t) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? fields : nil
    }

    private static func memory(_ pid: pid_t) -> UInt64 {
        kilobytes("Pss:", in: "/proc/\(pid)/smaps_rollup") ?? kilobytes("VmRSS:", in: "/proc/\(pid)/status") ?? 0
    }

    private static func kilobytes(_ name: String, in file: String) -> UInt64? {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
            let number = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ UInt64($0) })
        else { return nil }
        return number * 1024
    }
}
