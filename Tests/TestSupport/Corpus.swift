public import Foundation

/// The shared test corpus: messages, SDP and vectors that nobody of this project wrote.
public enum Corpus {
    /// Its folder: `SALLYPORT_CORPUS`, or `../shared/corpus` beside the checkout.
    public static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["SALLYPORT_CORPUS"] { return URL(fileURLWithPath: path) }
        let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return checkout.deletingLastPathComponent().appendingPathComponent("shared/corpus")
    }()

    /// Whether the corpus is there; tests that need it are skipped, and say so, where it is not.
    public static var isPresent: Bool { FileManager.default.fileExists(atPath: folder.path) }

    /// The octets of one file, by its path below the corpus.
    public static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(path)))
    }

    /// The files below `path` whose names end in `suffix`, sorted.
    public static func files(in path: String, suffix: String) -> [String] {
        let top = folder.appendingPathComponent(path)
        let names = FileManager.default.enumerator(atPath: top.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(suffix) }.sorted().map { path + "/" + $0 }
    }

    /// Every session description of others.
    public static let sessionDescriptions =
        files(in: "ietf-sdp", suffix: ".sdp") + files(in: "rtpengine-sdp", suffix: ".sdp")

    /// Fifty of them and a few more, of all kinds.
    public static func fiftyBodies() throws -> [[UInt8]] {
        let all = sessionDescriptions
        return try stride(from: 0, to: all.count, by: max(1, all.count / 50)).map { try bytes(all[$0]) }
    }
}
