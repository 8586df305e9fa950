import Foundation
import NetworkTypes
import TLS

extension Configuration {
    /// Reads a configuration file; what is wrong is told with line and column, all of it at once where possible.
    public init(contentsOf path: String) throws(ConfigurationErrors) {
        let bytes: [UInt8]
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            bytes = [UInt8](try handle.read(upToCount: YAMLText.largest + 1) ?? Data())
        } catch {
            throw .init(.init(file: path, message: "cannot be read: \(Self.reason(error))"))
        }
        try self.init(yaml: bytes, file: path)
    }

    private static func reason(_ error: any Error) -> String {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let code = [error as NSError, underlying].compactMap { $0 }.first { $0.domain == NSPOSIXErrorDomain }?.code
        if let code = code.flatMap(Int32.init(exactly:)) { return String(cString: strerror(code)) }
        return (error as NSError).localizedDescription
    }

    /// Reads the octets of a configuration file; `file` is its name in errors.
    public init(yaml bytes: [UInt8], file: String) throws(ConfigurationErrors) {
        let text = try YAMLText(bytes: bytes, file: file)
        let root = Entry(path: "", node: try YAMLTree.root(of: text.text, file: file))
        var reader = YAMLReader(file: file)
        let result = Self.read(root, with: &reader)
        if let errors = ConfigurationErrors(reader.errors) { throw errors }
        guard var configuration = result else {
            throw .init(.init(file: file, message: "the smallest configuration names inside and outside"))
        }
        configuration.file = file
        configuration.positions = reader.positions
        self = configuration
    }

    private static let keys = KnownKeys(
        [
            "inside", "outside", "pbx", "tls", "trunks", "media", "remote_phones", "emergency", "limits", "dscp",
            "state",
            "admin", "log",
        ],
        notBuilt: ["capture"])

    private static func read(_ root: Entry, with reader: inout YAMLReader) -> Configuration? {
        guard let entries = reader.entries(of: root, keys: keys) else { return nil }
        for key in ["inside", "outside"] where entries[key] == nil && !reader.hasRefused(key) {
            reader.fail(at: root.node, "the key '\(key)' is missing")
        }
        let unspecified = IPAddress.unspecified(.v4)
        var configuration = Configuration(inside: unspecified, outside: unspecified)
        if let inside = entries["inside"] { configuration.inside = reader.inside(inside) }
        if let outside = entries["outside"] { configuration.outside = reader.outside(outside) }
        reader.setList(&configuration.pbx, from: entries["pbx"]) { text throws(ValueError) in try SIPTarget(text) }
        if let tls = entries["tls"] { reader.tls(&configuration.tls, from: tls) }
        configuration.listenByTLS(unless: reader.positions)
        if let trunks = entries["trunks"] { configuration.trunks = reader.trunks(trunks) }
        if let media = entries["media"] { reader.media(&configuration.media, from: media) }
        if let phones = entries["remote_phones"] {
            reader.remotePhones(&configuration.remotePhones, from: phones)
        }
        if let emergency = entries["emergency"] { reader.emergency(&configuration.emergency, from: emergency) }
        if let limits = entries["limits"] { reader.limits(&configuration.limits, from: limits) }
        if let dscp = entries["dscp"] { reader.dscp(&configuration.dscp, from: dscp) }
        reader.set(&configuration.state, from: entries["state"], Value.state)
        if let admin = entries["admin"] { reader.admin(&configuration.admin, from: admin) }
        if let log = entries["log"] { reader.log(&configuration.log, from: log) }
        return configuration
    }

    /// Without `listen` a side listens on all that can be had, which is TLS only with a certificate.
    private mutating func listenByTLS(unless positions: [String: Position]) {
        guard tls?.certificate != nil else { return }
        if positions["inside.listen"] == nil { inside.listen.append(ListenerConfiguration(.tls)) }
        if positions["outside.listen"] == nil { outside.listen.append(ListenerConfiguration(.tls)) }
    }
}
