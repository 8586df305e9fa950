import NetworkTypes
import SIP

// The message goes through a core, and what the core wants done is told.

extension Explanation {
    /// The most names that are followed.
    private static let mostNames = 8

    mutating func perform(_ bytes: [UInt8], on flow: Flow, at now: Instant, _ core: ProxyCore) {
        core.receive(bytes, from: flow, at: now)
        var names = 0
        while core.hasOutputs {
            for output in core.takeOutputs() {
                guard case .locate(let query) = output else {
                    tell(output, core)
                    continue
                }
                names += 1
                note("DNS", "\(query.host) would be asked for; \(Self.placeholder.v4) stands for its address below")
                core.located(query, names > Self.mostNames ? .unknownName : Self.location(of: query), at: now)
            }
        }
        if messages.isEmpty { note("outcome", "nothing leaves") }
    }

    private static func location(of query: LocationQuery) -> Location {
        let usual = query.transports.contains(.udp) ? .udp : query.transports.first ?? .udp
        let transport = query.transport ?? usual
        let text = query.families.contains(.v4) ? placeholder.v4 : placeholder.v6
        guard let address = IPAddress(text) else { return .unknownName }
        let target = Target(transport, SocketAddress(address, query.port ?? transport.defaultPort))
        return .targets([LocatedTarget(target, rank: 0)])
    }

    private mutating func tell(_ output: ProxyOutput, _ core: ProxyCore) {
        switch output {
        case .send(let octets, let flow):
            let listener = core.identities[flow.listener]
            let way = listener.map { "\($0.side), by \($0.transport) from \($0.local)" } ?? "by no listener"
            messages.append((to: "to \(flow.peer) \(way)", octets: octets))
        case .open(let flow): note("outcome", "a connection to \(flow.peer) would be opened first")
        case .event(.refused(let request)):
            note("outcome", "\(request.method) is refused: \(request.status) \(request.reason)")
        case .event(.large(_, _, let octets, let target)):
            note("outcome", "with \(octets) octets it may be fragmented on its way to \(target)")
        case .event, .directory, .locate, .shrunk: break
        }
    }
}
