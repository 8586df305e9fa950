import Foundation
import Glibc
import NetworkTypes

/// Sallyport itself, started for one run with a configuration and a state directory of its own.
final class SpawnedProxy {
    let process: ChildProcess
    private let directory: String

    /// Starts the executable and returns once it answers OPTIONS at its inside door. `secureTrunk` is the address of a
    /// provider that has SRTP only.
    init(
        executable: String, inside: SocketAddress, outside: SocketAddress, caller: SocketAddress,
        mediaPorts: ClosedRange<UInt16>, configuration: String?,
        secureTrunk: IPAddress? = nil
    ) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "sallyport-bench.\(getpid())").path
        try FileManager.default.createDirectory(atPath: directory + "/state", withIntermediateDirectories: true)
        let file = configuration ?? directory + "/sallyport.yaml"
        if configuration == nil {
            // The caller's network is the inside one; everything else on the loopback interface is outside.
            let trunk = secureTrunk.map { "trunks: [{name: secure, domain: \"\($0)\", srtp: required}]" } ?? ""
            let text = """
                inside: {addresses: [\(inside.ip)], listen: ["udp:\(inside.port)"], networks: [\(caller.ip)/32]}
                outside: {addresses: [\(outside.ip)], listen: ["udp:\(outside.port)"]}
                media: {ports: \(mediaPorts.lowerBound)-\(mediaPorts.upperBound), timeout: 1h}
                state: \(directory)/state
                \(trunk)

                """
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }
        process = try ChildProcess([executable, "run", file], log: directory + "/log")
        try waitUntilReady(inside, from: caller.ip)
    }

    deinit {
        process.end()
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func waitUntilReady(_ address: SocketAddress, from ip: IPAddress) throws {
        let probe = try ProxyProbe(from: ip)
        for _ in 0..<100 {
            if !process.isRunning { throw BenchFailure("the proxy ended at once:\n\(process.lastOutput)") }
            if probe.isAnswered(by: address, within: .milliseconds(100)) { return }
        }
        throw BenchFailure("the proxy did not answer OPTIONS at \(address):\n\(process.lastOutput)")
    }
}
