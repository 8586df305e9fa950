import Config
import NetworkTypes
import Reactor
import TLS

/// What new TLS connections begin with, for all threads. Connections keep what they began with.
final class TLSContexts: Sendable {
    /// What the configuration's files amount to.
    struct Contexts: Sendable {
        var inside: TLSContext?
        var outside: TLSContext?
        var client: TLSContext?
        /// Of trunks that have something of their own.
        var byTrunk: [String: TLSContext] = [:]
        /// Our certificates, by what the configuration calls them.
        var certificates: [(name: String, summary: CertificateSummary)] = []
        /// Why what the files say now is not used.
        var problem: String?

        init() {}

        /// Reads all files that the configuration names; without a `tls` section and trunks that have one there is none.
        init(_ configuration: Configuration) throws(TLSFailure) {
            if let settings = configuration.serverTLS(of: .inside) { inside = try TLSContext(.server, settings) }
            if let settings = configuration.serverTLS(of: .outside) {
                // The same where there is no difference, so that tickets are good on both sides.
                outside =
                    settings == inside?.settings ? inside : try TLSContext(.server, settings)
            }
            guard configuration.tls != nil else { return }
            client = try TLSContext(.client, configuration.clientTLS)
            if let own = client?.certificate { certificates.append((name: "tls", own)) }
            for trunk in configuration.trunks {
                guard let settings = configuration.clientTLS(of: trunk) else { continue }
                let context = try TLSContext(.client, settings)
                byTrunk[trunk.name] = context
                if trunk.tls.certificate != nil, let own = context.certificate {
                    certificates.append((name: "trunks.\(trunk.name).tls", own))
                }
            }
        }
    }

    let names = PeerNameTable()
    private let current: Guarded<Contexts>

    init(_ contexts: Contexts = Contexts()) { current = Guarded(contexts) }

    /// From now on new connections begin with these.
    func replace(by contexts: Contexts) { current.withLock { $0 = contexts } }

    /// The files can't be used as they are now.
    func note(problem: String) { current.withLock { $0.problem = problem } }

    var problem: String? { current.withLock { $0.problem } }

    var certificates: [(name: String, summary: CertificateSummary)] { current.withLock { $0.certificates } }

    /// For a connection that a peer opens.
    func server(on side: Side) -> TLSEngine? {
        let context = current.withLock { side == .inside ? $0.inside : $0.outside }
        return context.flatMap { try? TLSEngine(server: $0) }
    }

    /// For a connection of ours: whom the flow names, else the address.
    func client(for flow: Flow, resuming session: TLSSession?) throws(TLSFailure) -> TLSEngine {
        let name = names[flow.name] ?? PeerName([flow.peer.ip.description])
        guard let context = current.withLock({ $0.byTrunk[name.trunk] ?? $0.client }) else {
            throw TLSFailure("there is no tls section in the configuration")
        }
        return try TLSEngine(client: context, to: name.names, resuming: session)
    }
}
