import Admin
import Foundation
import NetworkTypes
import Testing

@testable import sallyport

/// Two PBXs, each behind a proxy of its own: UDP and RTP at home, TLS with client certificates and SRTP between the
/// proxies. Neither registers with the other; each knows the other by its address and by the CA that both have.
final class TwoSites {
    /// A PBX and its proxy.
    final class Site {
        let inside: SocketAddress
        let outside: SocketAddress
        let pbx: UserAgent
        let admin: SocketAddress
        let ports: ClosedRange<UInt16>
        private let directory: String
        private(set) var process: ProxyProcess?

        /// With `number` 0 or 1, as the last octets of its addresses are to differ.
        fileprivate init(_ number: UInt32, network: UInt32, port: UInt16, in directory: String) throws {
            func own(_ host: UInt32) -> IPAddress { IPAddress(v4: network | number << 4 | host) }
            inside = SocketAddress(own(1), port)
            outside = SocketAddress(own(3), port + 1)
            admin = SocketAddress(own(1), 9060)
            pbx = try UserAgent("PBX \(number)", at: SocketAddress(own(2), port))
            let low = UInt16.random(in: 10_000...19_000) & ~1
            ports = low...(low + 99)
            self.directory = directory
        }

        fileprivate func start(trunk other: Site) throws {
            let name = "site-\(inside.ip)"
            let file = "\(directory)/\(name).yaml"
            let text = """
                inside: {addresses: ["\(inside.ip)"], listen: ["udp:\(inside.port)"], networks: ["\(pbx.address.ip)"]}
                outside: {addresses: ["\(outside.ip)"], listen: ["tls:\(outside.port)"]}
                pbx: "sip:\(pbx.address)"
                tls: {certificate: \(outside.ip).pem, key: \(outside.ip).key, ca: ca.pem, client_certificates: required}
                trunks: [{name: other, domain: "\(other.outside.ip)", transport: tls, srtp: required, trust_udp: no}]
                media: {ports: \(ports.lowerBound)-\(ports.upperBound)}
                state: \(directory)/\(name)
                admin: {listen: "\(admin)"}
                log: {level: debug}

                """
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let process = try ProxyProcess(["run", file], output: "\(directory)/\(name).log")
            self.process = process
            try process.waitUntilReady(admin)
            // Neither proxy's inside, nor the other PBX, is ever shown here.
            pbx.hidden = [other.inside.ip, other.pbx.address.ip]
        }

        func status() throws -> StatusSnapshot {
            let page = try AdminClient(admin).page("/status?format=json")
            return try JSONDecoder().decode(StatusSnapshot.self, from: Data(page))
        }
    }

    let sites: [Site]
    let certificates: StageCertificates
    let directory: String

    init() throws {
        let network = LoopbackNetwork.next()
        let port = UInt16.random(in: 3_000...4_900) * 2
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        certificates = try StageCertificates(in: directory)
        let directory = directory
        sites = try (0...1).map { try Site($0, network: network, port: port, in: directory) }
        for site in sites { try certificates.issue("\(site.outside.ip)", ["\(site.outside.ip)"]) }
        for (site, other) in zip(sites, sites.reversed()) { try site.start(trunk: other) }
    }

    deinit {
        for site in sites { site.process?.kill(SIGKILL) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// A call of one site's PBX to an extension of the other's, up to the ACK. The caller is the call's `pbx`.
    func call(from number: Int) throws -> LiveCall {
        let (site, other) = (sites[number], sites[1 - number])
        let ends = (caller: try site.pbx.media(), callee: try other.pbx.media())
        site.pbx.send(
            """
            INVITE sip:200@\(other.outside);transport=tls SIP/2.0
            Via: \(site.pbx.via())
            Max-Forwards: 70
            Route: <sip:\(site.inside);lr>
            From: <sip:100@\(site.pbx.address)>;tag=caller
            To: <sip:200@\(other.outside)>
            Call-ID: \(UUID())
            CSeq: 1 INVITE
            Contact: <sip:100@\(site.pbx.address)>
            """, body: ends.caller.description(), to: site.inside)
        let invite = try other.pbx.expect("INVITE")
        let contact = "Contact: <sip:200@\(other.pbx.address)>"
        try other.pbx.answer("180 Ringing", to: invite, tag: "callee", contact)
        _ = try site.pbx.expect("180 INVITE")
        try other.pbx.answer("200 OK", to: invite, tag: "callee", contact, body: ends.callee.description())
        let answer = try site.pbx.expect("200 INVITE")
        try ends.callee.take(invite)
        try ends.caller.take(answer)
        var caller = DialogEnd(caller: site.pbx, answer)
        try caller.send("ACK")
        _ = try other.pbx.expect("ACK")
        return LiveCall(
            invite: invite, pbx: caller, itsp: DialogEnd(callee: other.pbx, invite, tag: "callee"),
            pbxMedia: ends.caller, itspMedia: ends.callee, stage: self)
    }

    /// Waits until neither proxy has a call or a media port left.
    func expectIdle(_ place: SourceLocation = #_sourceLocation) throws {
        for site in sites {
            let log = site.process?.text ?? ""
            #expect(!log.contains("Sanitizer") && !log.contains("Fatal error"), "\(log)", sourceLocation: place)
            var left: [SocketAddress] = []
            for _ in 0..<500 {
                let table = PortsInUse.ofThisMachine()
                left = [site.inside.ip, site.outside.ip].flatMap { ip in site.ports.map { SocketAddress(ip, $0) } }
                    .filter { table.contains(.udp, $0) }
                if try left.isEmpty && site.status().calls.now == 0 { break }
                usleep(20_000)
            }
            #expect(left.isEmpty, sourceLocation: place)
            #expect(try site.status().calls.now == 0, sourceLocation: place)
        }
    }
}
