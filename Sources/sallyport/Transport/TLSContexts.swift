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

        /// For servers that are nobody's in particular. Without a `tls` section the system's authorities are read when
        /// they are first needed.
        mutating func usualClient() throws(TLSFailure) -> TLSContext {
            if let client { return client }
            let context = try TLSContext(.client, TLSSettings())
            client = context
            return context
        }

        /// Reads all files that the configuration names.
        init(_ configuration: Configuration) throws(TLSFailure) {
            if let settings = configuration.serverTLS(of: .inside) { inside = try TLSContext(.server, settings) }
            if let settings = configuration.serverTLS(of: .outside) {
                // The same where there is no difference, so that tickets are good on both sides.
                outside =
                    settings == inside?.settings ? inside : try TLSContext(.server, settings)
            }
            if configuration.tls != nil {
                client = try TLSContext(.client, configuration.clientTLS)
                if let own = client?.certificate { certificates.append((name: "tls", own)) }
            }
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
        let context = try current.withLock { (contexts) throws(TLSFailure) -> TLSContext in
            if let own = contexts.byTrunk[name.trunk] { return own }
            return try contexts.usualClient()
        }
        return try TLSEngine(client: context, to: name.names, resuming: session)
    }
}
