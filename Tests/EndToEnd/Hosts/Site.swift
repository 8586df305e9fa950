import Foundation
import NetworkTypes
import Testing

/// A small network of hosts: the PBX, the edge with the proxy, a router that the way to the Internet goes through, and
/// an ITSP behind it.
///
///     pbx 10.0.0.2 ─┬─ lan ── router 10.0.0.254 | 203.0.113.254 ── itsp 203.0.113.10
///     edge 10.0.0.1 ┘           │ 172.16.0.254
///     edge 172.16.0.2 ── dmz ───┘
final class Site {
    let pbx: NetworkNamespace
    let edge: NetworkNamespace
    let router: NetworkNamespace
    let itsp: NetworkNamespace
    let directory: String

    static let pbxAddress = "10.0.0.2"
    static let itspAddress = "203.0.113.10"

    init() throws {
        pbx = try NetworkNamespace()
        edge = try NetworkNamespace()
        router = try NetworkNamespace()
        itsp = try NetworkNamespace()
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try cable()
        try route()
    }

    private func cable() throws {
        try router.shell("ip link add lan type bridge; ip link set lan up")
        for (host, port) in [(pbx, "pbx"), (edge, "edge")] {
            try host.connect("eth0", to: router, port)
            try router.shell("ip link set \(port) master lan")
        }
        try edge.connect("eth1", to: router, "dmz")
        try itsp.connect("eth0", to: router, "wan")
        try router.assign(["10.0.0.254/24", "fd00:10::fe/64"], to: "lan")
        try router.assign(["172.16.0.254/24"], to: "dmz")
        try router.assign(["203.0.113.254/24", "2001:db8:113::fe/64"], to: "wan")
        try pbx.assign(["10.0.0.2/24", "fd00:10::2/64"], to: "eth0")
        try edge.assign(["10.0.0.1/24", "10.0.0.3/24", "fd00:10::1/64"], to: "eth0")
        try edge.assign(["172.16.0.2/24"], to: "eth1")
        try itsp.assign(["203.0.113.10/24", "2001:db8:113::10/64"], to: "eth0")
    }

    /// The router forwards; the edge does not. Its way out is by the LAN until ``separateOutside()``.
    private func route() throws {
        try router.shell("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        try itsp.shell("ip route add default via 203.0.113.254; ip route add default via 2001:db8:113::fe")
        try edge.shell("ip route add default via 10.0.0.254; ip route add default via fd00:10::fe")
    }

    /// The edge's way out is by its second interface.
    func separateOutside() throws { try edge.shell("ip route replace default via 172.16.0.254") }

    /// 1:1 NAT on the router: what is sent to `outer` reaches `inner`, and what `inner` sends comes from `outer`; no
    /// connection is remembered. `before` is an address that was in its place.
    func translate(_ inner: String, to outer: String, insteadOf before: String? = nil) throws {
        if before != nil { try router.shell("nft delete table ip translation") }
        try router.shell(
            """
            nft -f - <<'RULES'
            table ip translation {
                chain in {
                    type filter hook prerouting priority raw; policy accept
                    ip daddr \(outer) notrack ip daddr set \(inner)
                }
                chain out {
                    type filter hook postrouting priority 300; policy accept
                    ip saddr \(inner) oifname "wan" ip saddr set \(outer)
                }
            }
            RULES
            """)
    }

    /// The same with connections remembered, as most routers do it.
    func translateConnections(_ inner: String, to outer: String) throws {
        try router.shell(
            """
            nft -f - <<'RULES'
            table ip translation {
                chain in {
                    type nat hook prerouting priority dstnat; policy accept
                    ip daddr \(outer) dnat to \(inner)
                }
                chain out {
                    type nat hook postrouting priority srcnat; policy accept
                    ip saddr \(inner) oifname "wan" snat to \(outer)
                }
            }
            RULES
            """)
    }

    /// Lets a file stand in for one of the edge's.
    func overlay(_ path: String, with text: String) throws {
        let file = directory + path.replacingOccurrences(of: "/", with: "-")
        let isNew = !FileManager.default.fileExists(atPath: file)
        // Written in place: a new file would not be the one that is mounted.
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        if isNew { try edge.shell("mount --bind \(file) \(path)") }
    }

    /// A proxy on the edge: `sides` is the part of the configuration that says what its sides are.
    func stage(
        _ sides: String, inside: String, outside: String, addresses: [String], pbx pbxAddress: String = pbxAddress,
        itsp itspAddress: String = itspAddress, pbxOver: TransportProtocol = .udp, itspOver: TransportProtocol = .udp
    ) throws -> Stage {
        let pbx = try UserAgent("PBX", at: try Self.address(pbxAddress), over: pbxOver, on: pbx)
        return try Stage(
            inside: try Self.address(inside), outside: try Self.address(outside), pbx: pbx,
            itsp: try UserAgent("ITSP", at: try Self.address(itspAddress), over: itspOver, on: itsp), edge: edge,
            addresses: addresses.compactMap { IPAddress($0) }, directory: directory,
            configuration: sides + "\npbx: \"sip:\(pbx.address)\"")
    }

    /// `10.0.0.1`, `10.0.0.1:5080` or `fd00::1`.
    private static func address(_ text: String) throws -> SocketAddress {
        if let ip = IPAddress(text) { return SocketAddress(ip, 5060) }
        return try #require(SocketAddress(text))
    }
}
