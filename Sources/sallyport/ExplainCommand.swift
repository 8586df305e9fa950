import ArgumentParser
import Config
import Foundation
import MediaRelay
import NetworkTypes
import OutboundProxy
import Reactor
import TLS

/// `sallyport explain`: what would be done with a captured message, and why. Nothing is sent and nobody is asked.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say what would be done with a captured message, and why.",
        discussion: "FILE holds one SIP message as it was captured; - is the standard input. Nothing is sent.")

    @Argument(help: "The message.")
    var file: String
    @Option(help: ArgumentHelp("Where it came from.", valueName: "addr[:port]"))
    var from: String?
    @Option(help: "The side that it came to: inside or outside. (default: by the source address)")
    var side: String?
    @Option(help: "How it came: udp, tcp or tls. (default: as its Via says)")
    var transport: String?
    @Option(help: "The configuration file.")
    var config = Sallyport.defaultConfiguration

    func validate() throws {
        if let side, Side(named: side) == nil { throw ValidationError("--side is inside or outside, not '\(side)'.") }
        if let transport, TransportProtocol(named: transport) == nil {
            throw ValidationError("--transport is udp, tcp or tls, not '\(transport)'.")
        }
        if let from, Self.address(from) == nil {
            throw ValidationError("--from takes an IP address and perhaps a port, not '\(from)'.")
        }
    }

    func run() throws {
        let bytes = try Self.octets(of: file)
        var configuration = try Configuration(contentsOf: config)
        // The file may be of another machine: what only that one knows is filled in as far as it can be.
        _ = try? configuration.validate(on: .ofThisMachine())
        configuration.assumeInsideNetworks()
        print(try explanation(of: bytes, configuration).text, terminator: "")
    }

    /// The command that those arguments make.
    static func reading(_ arguments: [String]) throws -> ExplainCommand { try parse(arguments) }

    /// What is told; the tests take it from here.
    func explanation(of bytes: [UInt8], _ configuration: Configuration) throws -> Explanation {
        let settings = configuration.proxySettings(calls: 1000)
        let hints = CaptureHints(bytes)
        let transport = self.transport.flatMap { TransportProtocol(named: $0) } ?? hints.transport ?? .udp
        let source = from.flatMap(Self.address) ?? hints.source
        let side =
            self.side.flatMap { Side(named: $0) }
            ?? (source.map { isInside($0.ip, settings) } ?? true ? .inside : .outside)
        let family = source?.ip.family ?? settings.listeners.first { $0.side == side }?.local.ip.family ?? .v4
        guard
            let listener = settings.listeners.first(where: {
                $0.side == side && $0.transport == transport && $0.local.ip.family == family
            })
        else {
            throw ValidationError("There is no \(side) listener for \(transport) and IP\(family) in \(config).")
        }
        let flow = Flow(
            listener: listener.id, peer: source ?? Self.somebody(on: side, settings),
            connection: transport.isReliable ? 1 : 0)
        let state = PastState(of: configuration)
        return Explanation(of: bytes, on: flow, at: state.now) { state.core(settings, configuration) }
    }

    private func isInside(_ address: IPAddress, _ settings: ProxySettings) -> Bool {
        settings.insideNetworks.contains { $0.contains(address) }
            || settings.pbxs.contains { IPAddress($0.host) == address }
    }

    /// Who might have sent it where nothing tells: the PBX, or somebody outside.
    private static func somebody(on side: Side, _ settings: ProxySettings) -> SocketAddress {
        let pbx = settings.pbxs.lazy.compactMap { pbx in
            IPAddress(pbx.host).map { SocketAddress($0, pbx.port ?? 5060) }
        }
        let inside = pbx.first ?? settings.listeners.first { $0.side == .inside }?.local
        let outside = SocketAddress(Explanation.placeholder.v4 + ":5060")
        return (side == .inside ? inside : outside) ?? SocketAddress(.unspecified(.v4), 5060)
    }

    private static func address(_ text: String) -> SocketAddress? {
        SocketAddress(text) ?? IPAddress(text).map { SocketAddress($0, 5060) }
    }

    private static func octets(of file: String) throws -> [UInt8] {
        if file == "-" { return [UInt8](FileHandle.standardInput.readDataToEndOfFile()) }
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
    }
}

extension Side {
    fileprivate init?(named name: String) {
        switch name.lowercased() {
        case "inside": self = .inside
        case "outside": self = .outside
        default: return nil
        }
    }
}

extension TransportProtocol {
    fileprivate init?(named name: String) {
        switch name.lowercased() {
        case "udp": self = .udp
        case "tcp": self = .tcp
        case "tls": self = .tls
        default: return nil
        }
    }
}

extension Configuration {
    /// Where this machine can't say what the inside networks are: the usual ones around the inside addresses.
    fileprivate mutating func assumeInsideNetworks() {
        guard inside.networks.isEmpty else { return }
        inside.networks = inside.addresses.compactMap { IPNetwork("\($0)/\($0.family == .v4 ? 24 : 64)") }
    }
}
