import Admin
import Foundation
import NetworkTypes
import TestSupport
import Testing

@testable import sallyport

/// Everything around one proxy on loopback: addresses that no other test has, a PBX inside, an ITSP outside, a
/// configuration and a state directory.
///
/// All of 127/8 is this machine, so each stage takes a network of its own and no port can collide.
final class Stage {
    let inside: SocketAddress
    let outside: SocketAddress
    let admin: SocketAddress
    let ports: ClosedRange<UInt16>
    let directory: String
    let pbx: UserAgent
    let itsp: UserAgent
    let configuration: String
    /// Where somebody speaks TLS.
    let certificates: StageCertificates?
    private let network: UInt32
    /// The host that the proxy is on, where that is not this one, and its addresses there.
    private let edge: (host: NetworkNamespace, addresses: [IPAddress])?
    private var process: ProxyProcess?

    /// What addresses the proxy has.
    enum Arrangement: CaseIterable, Sendable {
        /// One on either side, IPv4.
        case twoAddresses
        /// One for both sides, which the port tells apart.
        case oneAddress
        /// IPv6 on one side. There is one such loopback address, so its ports are chosen at random.
        case insideIPv6, outsideIPv6
    }

    /// `extra`: more of the configuration, where PBX stands for that one's URI, and ITSP for that one's address.
    init(
        _ arrangement: Arrangement = .twoAddresses, pbxOver: TransportProtocol = .udp,
        itspOver: TransportProtocol = .udp, media: String = "", tls: String = "", log: String = "", extra: String = "",
        hasCertificate: Bool = true
    ) throws {
        let network = LoopbackNetwork.next()
        self.network = network
        edge = nil
        let port = UInt16.random(in: 3_000...4_900) * 2
        let low = UInt16.random(in: 10_000...19_000) & ~1
        ports = low...(low + 199)
        func own(_ number: UInt32) -> IPAddress { IPAddress(v4: network | number) }
        let six = IPAddress(v6High: 0, low: 1)
        let (isInside6, isOutside6) = (arrangement == .insideIPv6, arrangement == .outsideIPv6)
        inside = SocketAddress(isInside6 ? six : own(1), port)
        // Where we don't listen for TLS we say its usual port.
        outside = SocketAddress(
            isOutside6 ? six : own(arrangement == .oneAddress ? 1 : 3), hasCertificate ? port + 1 : 5061)
        admin = SocketAddress(own(1), 9060)
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let addresses = (pbx: isInside6 ? six : own(2), itsp: isOutside6 ? six : own(4))
        certificates = try [pbxOver, itspOver].contains(.tls) ? StageCertificates(in: directory) : nil
        if let certificates {
            try certificates.issue("edge", ["\(inside.ip)", "\(outside.ip)"])
            try certificates.issue("pbx", ["\(addresses.pbx)"])
            try certificates.issue("itsp", ["\(addresses.itsp)"])
        }
        pbx = try UserAgent(
            "PBX", at: SocketAddress(addresses.pbx, isInside6 ? port + 1 : port), over: pbxOver,
            security: pbxOver == .tls ? certificates?.security("pbx") : nil)
        itsp = try UserAgent(
            "ITSP", at: SocketAddress(addresses.itsp, port), over: itspOver,
            security: itspOver == .tls ? certificates?.security("itsp") : nil)
        let streams = [pbxOver, itspOver].map { $0 == .tls && hasCertificate ? "tls" : "tcp" }
        configuration = """
            inside: {addresses: ["\(inside.ip)"], listen: ["udp:\(inside.port)", "\(streams[0]):\(inside.port)"], networks: ["\(pbx.address.ip)"]}
            outside: {addresses: ["\(outside.ip)"], listen: ["udp:\(outside.port)", "\(streams[1]):\(outside.port)"]}
            media: {ports: \(ports.lowerBound)-\(ports.upperBound)\(media)}
            state: \(directory)/state
            admin: {listen: "\(admin)"}
            log: {level: debug\(log)}
            \(certificates == nil || !hasCertificate ? "" : "tls: {certificate: edge.pem, key: edge.key, ca: ca.pem\(tls)}")
            \(extra.replacingOccurrences(of: "PBX", with: "sip:\(pbx.address)\(pbx.parameter)")
                .replacingOccurrences(of: "ITSP", with: "\(itsp.address.ip)"))

            """
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        hideInside()
    }

    /// A proxy on a host of its own, with the ends on theirs. `inside` and `outside` are what the ends are told.
    init(
        inside: SocketAddress, outside: SocketAddress, pbx: UserAgent, itsp: UserAgent, edge: NetworkNamespace,
        addresses: [IPAddress], directory: String, configuration: String
    ) throws {
        network = 0
        certificates = nil
        self.edge = (edge, addresses)
        self.inside = inside
        self.outside = outside
        admin = SocketAddress(IPAddress(v4: 0x7f00_0001), 9060)
        ports = 10_000...10_199
        (self.pbx, self.itsp, self.directory) = (pbx, itsp, directory)
        self.configuration =
            configuration + """

                media: {ports: 10000-10199}
                state: \(directory)/state
                log: {level: debug}

                """
        try self.configuration.write(toFile: file, atomically: true, encoding: .utf8)
        hideInside()
    }

    /// What the ITSP gets shows nothing of the inside, but for an address that is the outside's as well.
    private func hideInside() { itsp.hidden = [pbx.address.ip] + (inside.ip == outside.ip ? [] : [inside.ip]) }

    deinit {
        process?.kill(SIGKILL)
        try? FileManager.default.removeItem(atPath: directory)
    }

    var file: String { directory + "/sallyport.yaml" }

    /// Another address of this stage's network: a stranger's.
    func host(_ number: UInt32) -> IPAddress { IPAddress(v4: network | number) }

    // MARK: The process

    @discardableResult
    func start() throws -> ProxyProcess {
        let log = directory + "/log"
        guard let edge else {
            let process = try ProxyProcess(["run", file], output: log)
            self.process = process
            try process.waitUntilReady(admin)
            return process
        }
        // The kernel ends it with its host, should the test end before.
        let words = ["--pdeathsig", "KILL", ProxyProcess.executable, "run", file]
        let process = try edge.host.run { [admin] in
            let process = try ProxyProcess(words, executable: "/usr/bin/setpriv", output: log)
            try process.waitUntilReady(admin)
            return process
        }
        self.process = process
        return process
    }

    /// Ends the process as a crash would, and starts it anew.
    func restart() throws {
        process?.kill(SIGKILL)
        try start()
    }

    // MARK: Pages

    func page(_ name: String) throws -> String { String(decoding: try get("/" + name), as: UTF8.self) }

    func json<Page: Decodable>(_ name: String, as type: Page.Type = Page.self) throws -> Page {
        try JSONDecoder().decode(type, from: Data(try get("/\(name)?format=json")))
    }

    private func get(_ target: String) throws -> [UInt8] {
        try edge?.host.run { [admin] in try AdminClient(admin).page(target) } ?? AdminClient(admin).page(target)
    }

    func calls() throws -> [CallSnapshot] { try json("calls") }
    func status() throws -> StatusSnapshot { try json("status") }

    /// The media ports that anybody has bound, by the kernel's word.
    var boundMediaPorts: [SocketAddress] {
        guard let edge else {
            let table = PortsInUse.ofThisMachine()
            return [inside.ip, outside.ip].flatMap { ip in ports.map { SocketAddress(ip, $0) } }
                .filter { table.contains(.udp, $0) }
        }
        var table = PortsInUse()
        for file in ["udp", "udp6"] {
            let path = "/proc/thread-self/net/\(file)"
            let text = try? edge.host.run { try String(contentsOfFile: path, encoding: .utf8) }
            table.add(text ?? "", of: .udp)
        }
        return edge.addresses.flatMap { ip in ports.map { SocketAddress(ip, $0) } }.filter { table.contains(.udp, $0) }
    }

    /// Waits until no media port is bound and no call is left; nothing may have gone wrong until then.
    func expectIdle(_ place: SourceLocation = #_sourceLocation) throws {
        let log = process?.text ?? ""
        #expect(!log.contains("Sanitizer") && !log.contains("Fatal error"), "\(log)", sourceLocation: place)
        if try eventually({ try boundMediaPorts.isEmpty && calls().isEmpty }) { return }
        Issue.record("still \(boundMediaPorts) and \(try calls())", sourceLocation: place)
    }
}
