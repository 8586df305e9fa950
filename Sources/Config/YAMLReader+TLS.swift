import NetworkTypes
import TLS
import Yams

extension YAMLReader {
    mutating func tls(_ tls: inout TLSSettings?, from entry: Entry) {
        let keys = KnownKeys(["certificate", "key", "ca", "minimum", "verify", "client_certificates"])
        guard let entries = entries(of: entry, keys: keys) else { return }
        var settings = TLSSettings()
        setFile(&settings.certificate, from: entries["certificate"])
        setFile(&settings.key, from: entries["key"])
        setAuthorities(&settings.authorities, from: entries["ca"])
        set(&settings.minimum, from: entries["minimum"]) { text throws(ValueError) in
            guard let version = TLSSettings.Version(rawValue: text) else { throw .expected("1.2 or 1.3", text) }
            return version
        }
        set(&settings.verifies, from: entries["verify"], Value.boolean)
        set(&settings.clientCertificates, from: entries["client_certificates"], Value.clientCertificates)
        needsCertificate(entries)
        tls = settings
    }

    mutating func trunkTLS(_ tls: inout TrunkTLSConfiguration, from entry: Entry?) {
        guard let entry, let entries = entries(of: entry, keys: KnownKeys(["ca", "certificate", "key", "verify"]))
        else { return }
        setFile(&tls.certificate, from: entries["certificate"])
        setFile(&tls.key, from: entries["key"])
        if let ca = entries["ca"] {
            var authorities = TLSSettings.Authorities.system
            setAuthorities(&authorities, from: ca)
            tls.authorities = authorities
        }
        if let verify = entries["verify"] { tls.verifies = value(verify, Value.boolean) }
        needsCertificate(entries)
    }

    private mutating func needsCertificate(_ entries: [String: Entry]) {
        guard let key = entries["key"], entries["certificate"] == nil else { return }
        fail(at: key.node, "'\(key.path)' needs the certificate that it belongs to")
    }

    /// A file's path; one that is not absolute starts where the configuration is.
    mutating func setFile(_ field: inout String?, from entry: Entry?) {
        guard let entry, let text = value(entry, Value.file) else { return }
        field = path(of: text)
    }

    private mutating func setAuthorities(_ field: inout TLSSettings.Authorities, from entry: Entry?) {
        guard let entry, let text = value(entry, Value.file) else { return }
        field = text.lowercased() == "system" ? .system : .file(path(of: text))
    }

    private func path(of text: String) -> String {
        guard !text.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return text }
        return file[...slash] + text
    }
}

extension Value {
    static func file(_ text: String) throws(ValueError) -> String {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw .expected("a file", text) }
        return text
    }

    /// `off` and its like, `optional` or `required`.
    static func clientCertificates(_ text: String) throws(ValueError) -> TLSSettings.ClientCertificates {
        if let value = TLSSettings.ClientCertificates(rawValue: text.lowercased()) { return value }
        if ["no", "false"].contains(text.lowercased()) { return .off }
        throw .expected("off, optional or required", text)
    }
}
